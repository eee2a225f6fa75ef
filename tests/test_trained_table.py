"""Table 1, every number traced by hand: a cell that trains, its winners tested, references
beside.
"""

import pytest
from support import TRAINING_SUITE, row_texts, tables_of

from haqa_bench import suite
from haqa_bench.project import Project, open_run, suite_of
from haqa_bench.protocols import subject_key
from haqa_bench.report.found import tests
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.header import fixed
from haqa_bench.run.plan import Plan
from haqa_bench.space import key_of
from haqa_bench.store import database, journal, manifest, tables
from haqa_bench.tracks.training import FULL_PRECISION, ROUNDED

ACCURACIES = {0.01: 40.0, 0.1: 25.0, 1e20: None}
# Of ten test images, with the first seed and with the second.
RIGHT = {"default": (3, 4), "winner": (6, 8), "full precision": (9, 9), "round to nearest": (1, 1)}


@pytest.fixture
def folder(project):
    (project / "suites" / "train.yaml").write_text(TRAINING_SUITE.replace("BITS", "w2a2"))
    loaded = suite.load(project / "suites" / "train.yaml", project)
    cell = loaded.cells[0]
    rows = [row(c, ACCURACIES[c["learning_rate"]]) for c in cell.space.grid()]
    tables.write(
        Project(project).table(cell),
        {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")},
        rows,
    )
    manifest.write(Project(project).confirmed(cell), journal.finished(verified_lines(cell)))
    plan = Plan(loaded, project, loaded.studies())
    list(runner.run(plan, plan.folder, Serial()))
    return plan.folder


def row(configuration, accuracy):
    diverged = {"status": "diverged", "reason": "the loss is nan at step 1 of 2", "readings": []}
    readings = [
        {"name": "valid_accuracy", "unit": "%", "samples": [accuracy]},
        {"name": "process_s", "unit": "s", "samples": [12.0]},
    ]
    measured = {"status": "ok", "reason": "", "readings": readings}
    return {
        "configuration": key_of(configuration),
        "pass": 0,
        "facts": {},
        **(diverged if accuracy is None else measured),
    }


def verified_lines(cell):
    default = cell.space.default
    card = {
        "kind": "card",
        "format": 2,
        "cell": cell.id,
        "workload": cell.workload.model_dump(mode="json"),
        "default": key_of(default),
    }
    yield card | {
        "metric": "valid_accuracy",
        "unit": "%",
        "machine": "a test machine",
        "haqa_bench": "0",
    }
    for name, configuration in zip(
        RIGHT, (default, {**default, "learning_rate": 0.01}, FULL_PRECISION, ROUNDED), strict=True
    ):
        for seed, right in enumerate(RIGHT[name], 1000):
            yield {
                "kind": "test",
                "configuration": subject_key(configuration),
                "seed": seed,
                "date": "2026-01-01",
                "failed": "",
                "values": {"test_accuracy": [10.0 * right, "%"]},
                "facts": {"test_accuracy": "1" * right + "0" * (10 - right)},
            }


def test_the_table_is_what_trials_and_tests_say(folder):
    (table,) = tables_of(folder).values()

    rows = {r["Method"]: r for r in row_texts(table)}
    assert rows["full precision"]["Test accuracy, %"] == "90.00"
    assert rows["round to nearest"]["Test accuracy, %"] == "10.00"
    assert (
        rows["default"]["valid_accuracy, %"],
        rows["default"]["Test accuracy, %"],
        rows["default"]["n"],
    ) == (
        "25.00",
        "35.00",
        "2",
    )
    tuned = rows["random"]
    assert (tuned["valid_accuracy, %"], tuned["Gain"], tuned["Of the way"]) == (
        "40.00",
        "+15.00",
        "100.0 %",
    )
    assert (tuned["Test accuracy, %"], tuned["Against default"]) == (
        "70.00",
        "+35.00 (1 of 1)",
    )
    assert tuned["Invalid / failed / repeated"] == "0 / 1 / 0 of 2"
    assert tuned["Published accuracy"] == "UNKNOWN"
    assert rows["full precision"]["Published accuracy"] == ""
    assert any("trained anew" in note for note in table.notes)


def test_a_difference_is_over_the_same_items(folder):
    with open_run(folder) as run:
        found = tests.tests(run)
    cell = next(iter(found.defaults))

    one, default = (
        found.found[cell, key_of({"learning_rate": 0.01, "batch_size": 32})],
        found.found[cell, found.defaults[cell]],
    )
    difference = tests.difference(one, default)

    # Items 4 to 8 are right with the winner alone, in both seeds, in one, or in one: 0, 0, 0, 0.5,
    # 1, 1, 0.5, 0.5, 0, 0.
    assert difference.points == 35.0
    assert difference.error == pytest.approx(100 * (0.1525 / 10) ** 0.5)
    assert (difference.ahead, difference.seeds, difference.better) == (2, 2, True)


def test_a_difference_that_items_may_explain_is_not_better():
    assert not tests.Difference(points=2.0, error=1.5, ahead=2, seeds=2).better
    assert not tests.Difference(points=9.0, error=1.5, ahead=1, seeds=2).better


def test_a_test_that_failed_is_told_and_its_winner_is_not_better(folder):
    (path,) = folder.glob("confirmed/*/*.jsonl")
    lines = journal.read_lines(path)
    winner = key_of({"learning_rate": 0.01, "batch_size": 32})
    for line in lines:
        if line.get("configuration") == winner and line["seed"] == 1001:
            line |= {"failed": "diverged: the loss is nan", "values": {}, "facts": {}}
    path.write_bytes(journal.finished(lines))
    database.build(folder, fixed(suite_of(folder)))

    (table,) = tables_of(folder).values()

    rows = {r["Method"]: r for r in row_texts(table)}
    assert rows["random"]["Against default"] == "+30.00 (0 of 1)"
    assert any("seed 1001: diverged: the loss is nan" in note for note in table.details)


def test_winners_that_are_not_tested_say_so(folder):
    for path in folder.glob("confirmed/*/*.jsonl"):
        path.unlink()
    database.build(folder, fixed(suite_of(folder)))

    (table,) = tables_of(folder).values()

    rows = {r["Method"]: r for r in row_texts(table)}
    assert (rows["random"]["Test accuracy, %"], rows["random"]["Against default"]) == (
        "not yet",
        "not yet",
    )
