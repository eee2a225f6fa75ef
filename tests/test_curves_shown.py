"""Where a reader sees how a training went: page, explain and figure; and nothing where none did."""

import json

import pytest
from support import REPOSITORY, TRAINING_SUITE, record, replayed, small_project, tables_of
from test_page import data

from haqa_bench import suite
from haqa_bench.project import Project, open_run
from haqa_bench.report.figures import album
from haqa_bench.report.page import page
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.space import key_of
from haqa_bench.store import database, tables

CURVES = {0.01: "50@0.5:2.1 100@1:1.5", 0.1: "50@0.5:2.2 100@1:1.9", 1e20: "10@0.1:4.5"}
CUT_SHORT = {"steps": "12", "planned_steps": "100"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of its own for all tests here, which only read it."""
    return small_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def folder(project):
    return trained(project)


def trained(project):
    """A run of a cell that trains: of three rates one diverged."""
    (project / "suites" / "train.yaml").write_text(TRAINING_SUITE.replace("BITS", "w2a2"))
    loaded = suite.load(project / "suites" / "train.yaml", project)
    cell = loaded.cells[0]
    card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
    tables.write(Project(project).table(cell), card, [row(c) for c in cell.space.grid()])
    plan = Plan(loaded, project, loaded.studies())
    list(runner.run(plan, plan.folder, Serial()))
    return plan.folder


def row(configuration):
    rate = configuration["learning_rate"]
    told = {"configuration": key_of(configuration), "pass": 0}
    if rate > 1:
        facts = {"learning_curve": CURVES[rate], **CUT_SHORT}
        failed = {"status": "diverged", "reason": "the loss is nan at step 12 of 100"}
        return told | failed | {"readings": [], "facts": facts}
    accuracy = {"name": "valid_accuracy", "unit": "%", "samples": [50.0 - 100 * rate]}
    facts = {"learning_curve": CURVES[rate], "steps": "100"}
    return told | {"status": "ok", "reason": "", "readings": [accuracy], "facts": facts}


def outcomes(folder, project):
    text = page.write_runs([folder], folder, project).read_text()
    (cell,) = data(text)["runs"][0]["cells"]
    return {one["configuration"]["learning_rate"]: one for one in cell["outcomes"]}


def test_a_replayed_training_that_diverged_has_the_curve_that_it_had_until_then(folder):
    sql = "SELECT facts FROM trials WHERE status = 'diverged'"

    found = {text for (text,) in database.query(folder, sql)}

    assert [json.loads(text) for text in found] == [{"learning_curve": "10@0.1:4.5", **CUT_SHORT}]


def test_the_page_has_the_curve_of_each_trial(folder, project):
    found = outcomes(folder, project)

    assert found[0.01]["curve"] == [[50, 0.5, 2.1], [100, 1.0, 1.5]]
    assert found[1e20]["curve"] == [[10, 0.1, 4.5]]
    assert found[1e20]["status"] == "diverged"


def test_the_chart_of_a_curve_has_words_for_who_does_not_see_it():
    script = (REPOSITORY / "haqa_bench/report/page/studies.js").read_text()

    assert 'role: "img", "aria-label": `Training loss, ${words}`' in script


def test_explain_tells_the_losses_of_the_best_training(folder, project, cli):
    (name, table), *_ = tables_of(folder, project).items()
    number = f"{name}:{table.keys[1].cell}/random"

    words = cli("explain", folder, number, "--project", project).stdout
    told = json.loads(cli("explain", folder, number, "--project", project, "--json").stdout)

    assert "its training's losses, nats: 2.1 1.5" in words
    assert told["studies"][0]["losses"] == [2.1, 1.5]


def test_the_figure_has_the_default_each_winner_and_what_diverged(folder, project):
    with open_run(folder) as run:
        (drawn,) = album.drawings(run, Project(project), ["losses"])

    assert drawn.name == "losses-net-w2a2-epyc-zen4-2core-qat"
    axes = drawn.figure.axes[0]
    assert axes.get_xlabel() == "Epochs"
    assert {tuple(line.get_ydata()) for line in axes.lines} == {(2.2, 1.9), (2.1, 1.5), (4.5,)}
    assert "random (seed 0, trial" in drawn.caption
    assert "trainings that did not come to their end (1)" in drawn.caption


def test_a_track_that_trains_nothing_has_neither_curve_nor_figure(project):
    record(project)
    folder = replayed(project)

    with open_run(folder) as run:
        assert list(album.drawings(run, Project(project), ["losses"])) == []
    text = page.write_runs([folder], folder, project).read_text()
    (cell,) = data(text)["runs"][0]["cells"]
    assert not any("curve" in outcome for outcome in cell["outcomes"])
