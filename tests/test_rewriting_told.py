"""A source that an agent wrote, in what is printed of its study: by its short name everywhere, and
whole where it is asked for.
"""

import json
from pathlib import Path

import pytest
from command import InProcess
from endpoint import Endpoint, reply
from rewriting import CELL, FASTER, SUITE, project_in, reply_of
from test_rewriting import live

from haqa_bench.parameters.code import digest, shown
from haqa_bench.store import database

MARKS = ("alert(1)", "softmax( {}")
"""Of the sources that the agent of the study wrote."""
WINNER = str(shown(FASTER))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A project and the run that was recorded there, whose winner has a source of its own."""
    project = project_in(tmp_path_factory.mktemp("told"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAQA_BENCH_SHIPPED", "")
        patch.setenv("HAQA_BENCH_RUNS", str(project / "runs"))
        found, _ = live(project, patch)
    return project, found["folder"]


def called(told, words):
    project, run = told
    own = {"RUN": str(run), "SUITE": "rewriting", "OUT": str(project / "out")}
    spelt = [own.get(word, word) for word in words.split()]
    done = InProcess()(*spelt, "--project", str(project))
    assert done.returncode == 0, done.stderr
    return done.stdout


PRINTED = [
    "report RUN --wide",
    "report RUN --format md --wide",
    "report RUN --format csv",
    "report RUN --format json",
    "report RUN --format tex --wide",
    "report RUN --format html --wide",
    "report RUN --layout paper --wide",
    "compare RUN --wide",
    "compare RUN --json",
    "compare RUN --curves proposals --format csv",
    "diff RUN RUN",
    "diff RUN RUN --json",
    "suite show SUITE",
    "suite show SUITE --json",
    "trials show SUITE",
    "trials show SUITE --json",
]


@pytest.mark.parametrize("words", PRINTED)
def test_no_output_holds_a_source(told, words):
    printed = called(told, words)

    assert printed
    assert not any(mark in printed for mark in MARKS)


@pytest.mark.parametrize("form", ["", "--json"])
def test_an_explanation_names_the_source_and_the_command_that_prints_it(told, form):
    project, run = told
    words = ["explain", str(run), f"table3:{CELL}/haqa", *form.split()]

    done = InProcess()(*words, "--project", str(project))

    assert done.returncode == 0, done.stderr
    assert not any(mark in done.stdout for mark in MARKS)
    assert f"CODE {WINNER}" in done.stdout
    assert f"haqa-bench trials show rewriting --code {digest(FASTER)[:8]}" in done.stdout


def test_an_explanation_calls_a_suite_in_a_folder_by_its_path(told):
    project = told[0]
    path = project / "suites/paper/short.yaml"
    path.parent.mkdir()
    (project / "suites/rewriting.yaml").rename(path)
    try:
        printed = called(told, f"explain RUN table3:{CELL}/haqa")
    finally:
        path.rename(project / "suites/rewriting.yaml")
        path.parent.rmdir()

    assert f"haqa-bench trials show paper/short --code {digest(FASTER)[:8]}" in printed


def test_no_figure_and_no_caption_holds_a_source(told):
    called(told, "report RUN --figures OUT")

    files = [path for path in (told[0] / "out").rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert not any(mark.encode() in data for mark in MARKS), path


def test_the_database_holds_a_source_in_its_trials_alone(told):
    with database.connected(Path(told[1])) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        held = {n for n in names if MARKS[0] in str(connection.execute(f'FROM "{n}"').fetchall())}

    assert held == {"trials", "judged_trials", "best_trials"}


def test_a_source_is_printed_whole_by_its_name_or_its_digits(told):
    by_digits = called(told, f"trials show SUITE --code {digest(FASTER)[:8]}")
    project = str(told[0])
    by_name = InProcess()(
        *("trials", "show", "rewriting", "--code", WINNER, "--project", project, "--json")
    )

    found = json.loads(by_name.stdout)
    assert by_digits == found["source"] == FASTER
    assert (found["code"], found["sha256"]) == (WINNER, digest(FASTER))
    assert [t["status"] for t in found["trials"]] == ["ok", "ok"]
    assert {t["configuration"]["CODE"] for t in found["trials"]} == {WINNER}


def test_recorded_trials_are_listed_with_status_time_and_what_they_set(told):
    rows = json.loads(called(told, "trials show SUITE --json"))
    lines = called(told, "trials show SUITE")

    assert rows[0]["configuration"]["CODE"] == ""
    assert {row["status"] for row in rows} == {"ok", "compile_error"}
    assert min(row["value"] for row in rows if row["value"]) == pytest.approx(50.1, rel=0.01)
    assert lines.count("compile_error: ") == 1
    assert f"CODE {WINNER}" in lines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--code faster", "--code: 'faster' is no name of a source. Give one as tables have it"),
        ("--code 01234567", "--code: no recorded source is named 01234567. Known: code "),
        ("--cells nothing", "--cells: 'nothing' matches nothing"),
    ],
)
def test_what_names_no_source_is_told_in_one_line(told, words, said):
    done = InProcess()("trials", "show", "rewriting", *words.split(), "--project", str(told[0]))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("table show", "its space has a source that has no list of values (CODE)"),
        ("tabulate", "its space has a source that has no list of values (CODE)"),
        ("trials show", "no recorded trials yet"),
        (
            "run --methods default",
            "a space with a source that has no list of values has no table",
        ),
    ],
)
def test_what_a_cell_with_a_source_lacks_is_told_as_such(tmp_path, words, said):
    text = SUITE.replace("  - name: haqa", "  - name: nobody")
    project = project_in(tmp_path, text)

    command, *options = words.split(" --")
    given = [f"--{option}" for option in options]

    done = InProcess()(
        *command.split(), "rewriting", *" ".join(given).split(), "--project", str(project)
    )

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
    assert "range" not in done.stderr


def test_no_surrogate_answers_a_cell_with_a_source(told):
    done = InProcess()(
        *("run", "rewriting", "--measure", "surrogate", "--methods", "random"),
        *("--project", str(told[0])),
    )

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no model tells what a source does that was never measured (CODE)" in done.stderr


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_fork_tells_of_sources_by_their_names(told, form, monkeypatch):
    project, _ = told
    answers = [reply_of(CODE=FASTER, VEC=8), reply_of(CODE=FASTER)]
    with Endpoint([reply(answer) for answer in answers]) as endpoint:
        done = InProcess()(
            *("fork", "rewriting", "--method", "haqa", "--round", "3", "--agent", "live"),
            *("--base-url", endpoint.base_url, "--answered-by", "a script", "--model", "other"),
            *("--project", str(project), *form),
        )

    assert done.returncode == 0, done.stderr
    assert not any(mark in done.stdout for mark in MARKS)
    assert WINNER in done.stdout
