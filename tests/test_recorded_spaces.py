"""`configurations: recorded`: those exist that the cell's own response table holds."""

import json

import pytest
from test_table_track import SERVING, serving

from haqa_bench import suite
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project, suite_of
from haqa_bench.space import key_of
from haqa_bench.store import tables

__all__ = ["serving"]
RECORDED = SERVING.replace("    objective:\n", "      configurations: recorded\n    objective:\n")
HELD = [
    {"batch": 1, "cache": "small"},
    {"batch": 64, "cache": "small"},
    {"batch": 8, "cache": "large"},
]


def rows(held):
    return [
        {
            "configuration": key_of(one),
            "pass": 0,
            "status": "ok",
            "reason": "",
            "readings": [
                {"name": "throughput", "unit": "req/s", "samples": [10.0 + one["batch"]]},
                {"name": "p99", "unit": "ms", "samples": [100.0 + one["batch"]]},
            ],
            "facts": {},
        }
        for one in held
    ]


def write(project, cell, held):
    card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
    tables.write(Project(project).table(cell), card, rows(held))


@pytest.fixture
def recorded(project):
    """The suite's path, and its cell as it is without a table; there is one then, with holes."""
    path = project / "suites" / "serving.yaml"
    path.write_text(RECORDED)
    (cell,) = suite.load(path, project).cells
    write(project, cell, HELD)
    return path, cell


def test_the_configurations_of_the_table_are_the_space(recorded, project):
    path, before = recorded
    (cell,) = suite.load(path, project).cells

    assert before.space.pin is None
    assert before.space.size == 6  # open until there is a table
    assert cell.space.size == 3
    assert sorted(map(key_of, cell.space.grid())) == sorted(map(key_of, HELD))
    assert not cell.space.problems(HELD[1])
    assert "and this is none of them" in cell.space.problems({"batch": 8, "cache": "small"})[0]


def test_the_lock_pins_the_table_by_its_hash_and_count_and_lists_nothing(recorded, project):
    path, _ = recorded
    loaded = suite.load(path, project)
    table = tables.read(Project(project).table(loaded.cells[0]))
    pin = {"sha256": table.sha256, "count": 3}

    dumped = json.loads(loaded.model_dump_json())["cells"][0]["space"]

    assert dumped["configurations"] == pin
    again = suite.Suite.model_validate_json(loaded.model_dump_json())
    assert again.lock == loaded.lock
    assert again.cells[0].space.size == 3
    with pytest.raises(HaqaError, match="only its response table says"):
        list(again.cells[0].space.grid())


def test_another_table_is_another_space_and_lock(recorded, project):
    path, cell = recorded
    before = suite.load(path, project)
    write(project, cell, HELD[:2])

    after = suite.load(path, project)

    assert after.cells[0].space.size == 2
    assert after.lock != before.lock
    with pytest.raises(HaqaError, match="is not the table whose configurations are the space"):
        tables.check(tables.read(Project(project).table(cell)), before.cells[0])


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ([{"batch": 1, "cache": "small"}, {"batch": 2, "cache": "small"}], "is no configuration"),
        ([{"batch": 1, "cache": "small"}, {"batch": True, "cache": "small"}], "is no configur"),
        ([{"batch": 1, "cache": "small"}, {"batch": 1}], "has not the parameters of the space"),
        ([{"batch": 64, "cache": "small"}], "the default breaks a limit"),
    ],
)
def test_a_table_of_another_space_is_told_in_one_line(recorded, project, cli, held, told):
    path, cell = recorded
    write(project, cell, held)

    done = cli("run", path, "--methods", "random")

    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_replays_prints_and_compares_it(recorded, project, cli):
    path, _ = recorded

    done = cli("run", path, "--json")
    compared = cli("compare", "serving", "--project", project)
    shown = cli("table", "show", path)

    assert done.returncode == 0, done.stderr
    folder = json.loads(done.stdout)["folder"]
    assert suite_of(Project(project).folder / folder).cells[0].space.size == 3
    rows = json.loads(done.stdout)["tables"]["table"]["rows"]
    assert "Random" in json.dumps(rows) or "random" in json.dumps(rows)
    assert compared.returncode == 0, compared.stderr
    assert "3 configurations, 0 could not be measured" in shown.stdout, shown.stderr


def test_without_a_table_a_run_says_that_there_is_none(project, cli):
    path = project / "suites" / "serving.yaml"
    path.write_text(RECORDED)

    done = cli("run", path)

    assert done.returncode == 2
    assert "no response table yet" in done.stderr
