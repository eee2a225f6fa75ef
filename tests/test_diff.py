"""Two runs beside each other."""

import json
import subprocess

import pytest
from support import SUITE, printed_rows, write_table

REST = SUITE[SUITE.index("seeds: [0, 1]") :]


def ran(cli, project):
    done = cli("run", project / "suites/small.yaml", "--methods", "default,random", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["folder"]


def test_a_run_is_the_same_as_itself(cli, project):
    run = ran(cli, project)

    done = cli("diff", run, run, "--format", "json")

    assert done.returncode == 0, done.stderr
    assert {row["Verdict"] for row in printed_rows(json.loads(done.stdout))} == {"same"}


@pytest.mark.parametrize(
    ("scale", "verdict"),
    [
        (1.5, "ahead in {n} of {n}, undecided (n = {n})"),
        (0.5, "ahead in 0 of {n}, undecided (n = {n})"),
        (1.0, "same"),
    ],
)
def test_another_table_is_told_by_how_much(cli, project, scale, verdict):
    then = ran(cli, project)
    write_table(project, scale)
    now = ran(cli, project)

    rows = printed_rows(json.loads(cli("diff", then, now, "--format", "json").stdout))

    for row in rows:
        said = verdict.format(n=row["n now"])
        assert (row["Verdict"], row["Change"]) == (said, f"{scale:.3f}x")


def test_a_script_is_told_by_the_exit_code_whether_anything_differs(cli, project):
    then = ran(cli, project)
    write_table(project, 1.5)
    now = ran(cli, project)

    assert cli("diff", then, then, "--exit-code").returncode == 0
    assert cli("diff", then, now, "--exit-code").returncode == 1
    assert cli("diff", then, now).returncode == 0


def test_a_cell_that_is_defined_otherwise_is_stale_and_new_methods_are_new(cli, project):
    then = ran(cli, project)
    path = project / "suites/small.yaml"
    path.write_text(
        path.read_text().replace("at_most_times_default: 1.1", "at_most_times_default: 1.2")
    )
    path.write_text(
        path.read_text().replace(
            "  - {name: random, optimizer: random}", "  - {name: random, optimizer: local}"
        )
    )
    now = json.loads(cli("run", path, "--methods", "random", "--json").stdout)["folder"]

    found = json.loads(cli("diff", then, now, "--format", "json").stdout)

    assert {row["Method"]: row["Verdict"] for row in printed_rows(found)}["default"] == "gone"
    assert "net-int4-epyc-zen4-2core is another cell now (objective changed)" in found["notes"][0]


def test_what_is_neither_run_nor_revision_is_one_line(cli, project):
    done = cli("diff", "nonsense", "nonsense", "--project", project)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "names neither one run nor a revision here" in done.stderr


def last_line(text: str) -> str:
    return text.rstrip("\n").rpartition("\n")[2]


def test_the_last_line_counts_what_became_of_the_rows(cli, project):
    then = ran(cli, project)
    write_table(project, 1.5)
    now = ran(cli, project)

    assert last_line(cli("diff", then, then).stdout) == "2 rows: 2 the same."
    assert last_line(cli("diff", then, now, "--methods", "random").stdout) == "1 row: 1 undecided."
    told = cli("diff", then, now, "--json")
    assert json.loads(told.stdout)["name"] == "diff"
    assert told.stderr == "2 rows: 2 undecided.\n"


def test_the_exit_code_is_of_what_is_printed(cli, project):
    then = ran(cli, project)
    path = project / "suites/small.yaml"
    now = json.loads(cli("run", path, "--methods", "default", "--json").stdout)["folder"]

    assert cli("diff", then, now, "--exit-code", "--methods", "default").returncode == 0
    gone = cli("diff", then, now, "--exit-code")
    assert (gone.returncode, last_line(gone.stdout)) == (1, "2 rows: 1 the same, 1 gone.")


def test_runs_are_named_as_everywhere(cli, project, monkeypatch):
    ran(cli, project)
    monkeypatch.chdir(project)

    done = cli("diff", "small", "cassette-recorded")

    assert (done.returncode, last_line(done.stdout)) == (0, "2 rows: 2 the same."), done.stderr


def git(project, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(project), *who, *words], check=True, capture_output=True)


def test_two_commits_are_replayed_by_the_name_of_a_suite(cli, project, monkeypatch):
    path = project / "suites/small.yaml"
    path.write_text(path.read_text().partition("  - name: haqa")[0] + REST)
    write_table(project)
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "then")
    write_table(project, 1.5)
    git(project, "commit", "-am", "now")
    monkeypatch.chdir(project)

    done = cli("diff", "HEAD~1", "HEAD", "--suite", "small")
    wrong = cli("diff", "HEAD~1", "HEAD", "--suite", "smal")

    assert (done.returncode, last_line(done.stdout)) == (0, "2 rows: 2 undecided."), done.stderr
    assert wrong.stderr == "haqa-bench: HEAD~1: has no suite 'smal'. Did you mean 'small'?\n"
