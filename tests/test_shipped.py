"""What the package brings is read where a project lacks it, and never written."""

import json
import shutil

import pytest
from support import SUITE, record, small_project, write_table

from haqa_bench import disk, shipped
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, project_above
from haqa_bench.run import inputs
from haqa_bench.run.plan import Plan
from haqa_bench.store import manifest
from haqa_bench.suite import load


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small project, recorded."""
    folder = small_project(tmp_path_factory.mktemp("whole"))
    record(folder)
    manifest.seal(folder)
    return folder


@pytest.fixture
def brought(whole, tmp_path, monkeypatch):
    """What the package brings, here."""
    folder = shutil.copytree(whole, tmp_path / "brought", ignore=shutil.ignore_patterns("runs"))
    monkeypatch.setenv(shipped.VARIABLE, str(folder))
    return folder


@pytest.fixture
def empty(brought, tmp_path, monkeypatch):
    """An empty folder, which is the current one; runs go below it."""
    monkeypatch.delenv("HAQA_BENCH_RUNS")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "empty"


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def told(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("\nAgent:")[0]


def test_from_an_empty_folder_a_suite_runs_by_its_name_and_writes_below_it_alone(
    empty, brought, cli, monkeypatch
):
    before = tree(brought)

    here = told(cli("run", "small"))

    assert {path.name for path in empty.iterdir()} == {"results"}
    assert [path.name for path in (empty / "results").iterdir()] == ["runs"]
    assert told(cli("report", "small")).strip() in here
    assert cli("view", "small", "--no-open", "--output", "page.html").returncode == 0
    assert cli("compare", "small").returncode == 0
    assert tree(brought) == before
    monkeypatch.setenv(shipped.VARIABLE, "")
    assert told(cli("run", brought / "suites/small.yaml", "--runs", empty / "other")) == here


def test_the_run_is_called_the_same_wherever_its_recordings_lie(empty, brought):
    suite = load(brought / "suites/small.yaml", empty)
    names = [Plan(suite, folder, suite.studies()).folder.name for folder in (empty, brought)]

    assert names[0] == names[1]


def test_the_path_of_a_suite_that_is_brought_runs_where_it_is_called_too(empty, brought, cli):
    cli("run", brought / "suites/small.yaml", "--methods", "default")

    assert (empty / "results/runs/small").is_dir()
    assert not (brought / "results/runs").exists()


def test_a_suite_of_another_project_runs_in_that_project(empty, tmp_path, cli):
    other = small_project(tmp_path / "other")

    cli("run", other / "suites/small.yaml", "--methods", "default")

    assert (other / "results/runs/small").is_dir()
    assert not list(empty.iterdir())


def test_a_project_that_holds_the_package_is_not_where_its_suites_run(empty, tmp_path, monkeypatch):
    (tmp_path / "venv").mkdir()
    small_project(tmp_path / "venv" / "shipped")
    for name in ("prompts", "hardware"):
        (tmp_path / name).mkdir()  # the environment lies in a project
    monkeypatch.setattr(shipped, "PACKAGED", tmp_path / "venv" / "shipped")
    monkeypatch.delenv(shipped.VARIABLE)
    monkeypatch.chdir("/")

    found = project_above(tmp_path / "venv" / "shipped" / "suites" / "small.yaml")

    assert str(found.folder) == "/"


def test_what_is_in_both_is_the_project_s_own_and_a_run_says_so(empty, cli):
    theirs = told(cli("run", "small", "--methods", "random"))
    write_table_of(empty, 2.0)

    done = cli("run", "small", "--methods", "random")

    assert told(done) != theirs
    assert done.stderr.splitlines()[-1] == (
        f"Recorded in {empty}, and not as haqa-bench brings it: "
        "results/tables/deploy/net-int4-epyc-zen4-2core.parquet."
    )


def write_table_of(folder, scale):
    shutil.copytree(shipped.folder() / "suites", folder / "suites")
    write_table(folder, scale)


def test_an_equal_copy_is_not_told_of(empty, brought, cli):
    shutil.copytree(brought / "results/tables", empty / "results/tables")

    assert "not as haqa-bench brings it" not in cli("run", "small", "--methods", "random").stderr


def test_a_changed_template_is_the_project_s_own_and_the_others_are_brought(empty, brought):
    (empty / "prompts").mkdir()
    (empty / "prompts" / "deploy.j2").write_text("Mine.")
    path = brought / "suites/small.yaml"

    mine, theirs = load(path, empty).templates, load(path, brought).templates

    assert mine.keys() == theirs.keys()
    assert {name for name in mine if mine[name] != theirs[name]} == {"deploy.j2"}


def test_an_agent_fills_the_project_s_own_template_with_those_that_are_brought(empty, brought):
    from haqa_bench.optimizers.agent.prompt import Prompts

    (empty / "prompts").mkdir()
    cell = load(brought / "suites/small.yaml", empty).cells[0]
    words = "Mine. {% include 'hardware.j2' %}"

    before = Prompts(empty / "prompts").static(cell)
    (empty / "prompts" / "deploy.j2").write_text(words)
    after = Prompts(empty / "prompts").static(cell)

    assert before == Prompts(brought / "prompts").static(cell)
    assert after.startswith("Mine. ")
    assert "EPYC" in after


def test_profiles_of_both_are_listed_and_one_s_own_wins(empty, brought, cli):
    (empty / "hardware").mkdir()
    text = (brought / "hardware/oneplus-11.yaml").read_text()
    (empty / "hardware/oneplus-11.yaml").write_text(text.replace("title: ", "title: My ", 1))

    listed = cli("hardware", "list").stdout

    assert "epyc-zen4-2core" in listed
    assert listed.count("oneplus-11") == 1
    assert " My " in listed


def test_what_is_recorded_goes_to_the_current_folder_and_is_replayed_from_there(
    empty, brought, cli
):
    before = tree(brought)

    record_here(empty)

    assert sorted(path.name for path in empty.iterdir() if not path.name.startswith(".")) == [
        "MANIFEST.sha256",
        "cassettes",
        "results",
    ]
    (place, *_) = sorted((empty / "cassettes").rglob("*.jsonl"))
    assert Plan(*planned(empty)).cassette(planned(empty)[2][-1]).is_relative_to(empty)
    assert cli("cassette", "check", place).returncode == 0
    assert cli("run", "small", "--methods", "haqa").returncode == 0
    assert tree(brought) == before


def planned(folder):
    suite = load(shipped.folder() / "suites/small.yaml", folder)
    return suite, folder, suite.studies()


def record_here(folder):
    from endpoint import Endpoint, reply
    from support import ANSWERS

    from haqa_bench.run import runner
    from haqa_bench.run.executors.local import Serial

    suite, _, studies = planned(folder)
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        plan = Plan(suite, folder, studies, agent="live", base_url=endpoint.base_url)
        list(runner.run(plan, plan.folder, Serial()))


def test_what_was_proposed_is_recorded_in_the_current_folder(empty, brought, cli):
    before = tree(brought)

    assert cli("run", "small", "--methods", "random", "--record-proposals").returncode == 0

    assert (empty / "results/proposals/small.jsonl").is_file()
    assert tree(brought) == before


def test_the_seeds_that_were_recorded_are_those_of_both(empty, brought, cli):
    suite = load(brought / "suites/small.yaml", empty)
    (agent,) = (method for method in suite.methods if method.chat)
    cell = suite.cells[0].id
    mine = empty / "cassettes/small" / cell / f"{agent.name}-s7.jsonl"
    mine.parent.mkdir(parents=True)
    mine.write_text("")

    assert inputs.recorded(Project(empty), suite, agent) == {cell: {0, 1, 7}}


def test_a_changed_recording_of_the_package_is_refused(empty, brought, cli):
    (cassette, *_) = sorted((brought / "cassettes").rglob("*s0.jsonl"))
    cassette.write_bytes(cassette.read_bytes().replace(b"a script", b"a sphinx"))

    done = cli("run", "small", "--methods", "haqa")
    checked = cli("check")

    assert done.returncode == 2
    assert "is not what was recorded" in done.stderr
    assert checked.returncode == 2
    assert "the package's: MANIFEST.sha256: " in checked.stdout
    assert "is not what was recorded" in checked.stdout


def test_check_looks_at_the_project_and_at_what_is_brought(empty, cli):
    done = cli("check")

    assert done.returncode == 0
    assert "MANIFEST.sha256: 0 of 0 sound" in done.stdout
    assert "the package's: cassettes: 2 of 2 sound" in done.stdout


def test_nothing_is_written_into_an_installed_package(brought, monkeypatch):
    monkeypatch.setattr(shipped, "PACKAGED", brought)

    with pytest.raises(HaqaError, match="belongs to the installed haqa-bench, where nothing is"):
        disk.write(brought / "results" / "new.json", "{}")
    assert not (brought / "results" / "new.json").exists()


def test_nobody_works_in_an_installed_package(empty, brought, cli, monkeypatch):
    monkeypatch.setattr(shipped, "PACKAGED", brought)
    before = tree(brought)
    given = cli("run", "small", "--project", brought)
    monkeypatch.chdir(brought / "suites")
    called = cli("run", "small")

    for done in (given, called):
        assert done.returncode == 2
        assert "belongs to the installed haqa-bench" in done.stderr
    assert tree(brought) == before


def test_a_project_that_is_no_folder_is_refused(empty, cli):
    done = cli("run", "small", "--project", empty / "nowhere")

    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(
        "nowhere: no such folder. Say with --project where the project is"
    )


def test_all_suites_are_the_project_s_own_or_else_those_that_are_brought(empty, brought, cli):
    assert "Net" in cli("report", "--all").stdout
    (empty / "suites").mkdir()
    text = SUITE.replace("name: small", "name: mine").replace("quality_text: text.txt", "")
    (empty / "suites/mine.yaml").write_text(text)

    assert cli("report", "--all").returncode == 2  # mine was never measured


def test_suites_are_listed_with_what_they_hold_and_where_they_are(empty, brought, cli):
    (empty / "suites").mkdir()
    shutil.copy(brought / "suites/text.txt", empty / "suites")
    (empty / "suites/small.yaml").write_text(SUITE)
    (empty / "suites/mine.yaml").write_text(SUITE.replace("name: small", "name: mine"))
    (empty / "suites/worse.yaml").write_text("name: worse\n")

    mine, small, worse = json.loads(cli("suite", "list", "--json").stdout)

    assert mine["recorded"] == "some"  # the table is the package's, the agent's cassettes nobody's
    assert (mine["origin"], mine["hides"], mine["cells"]) == ("project", None, 1)
    assert (mine["tracks"], mine["methods"]) == (["deploy"], ["default", "random", "haqa"])
    assert (small["recorded"], small["hides"]) == ("all", str(brought / "suites/small.yaml"))
    assert "worse.yaml" in worse["fault"]
    assert "in place of haqa-bench's own" in cli("suite", "list").stdout


def test_a_checkout_brings_itself_and_a_wheel_what_lies_in_the_package(tmp_path, monkeypatch):
    monkeypatch.delenv(shipped.VARIABLE)
    assert shipped.folder() == shipped.PACKAGE.parent

    monkeypatch.setattr(shipped, "PACKAGED", small_project(tmp_path))
    assert shipped.folder() == tmp_path
