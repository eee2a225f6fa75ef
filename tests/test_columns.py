"""What is computed over a table's columns is, to the last bit, what its rows say one by one."""

import json
import math
import pickle
import statistics

import numpy as np
import pytest
import slow_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from support import REPOSITORY

from haqa_bench import suite, tracks
from haqa_bench.arithmetic.estimate import SPEEDS, estimate
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError, Status
from haqa_bench.project import Project
from haqa_bench.space import SearchSpace, key_of
from haqa_bench.store import tables
from haqa_bench.store.groups import Groups, medians, quartiles
from haqa_bench.tracks.replayed import TableEvaluator, feasible
from haqa_bench.trial import Objective, Source

TABLES = sorted((REPOSITORY / "results/tables").rglob("*.parquet"))
CELLS = {
    Project(REPOSITORY).table(cell): cell
    for path in sorted((REPOSITORY / "suites").glob("*.yaml"))
    for cell in suite.load(path, REPOSITORY).cells
    if tracks.of(cell).swept
}


def same(one, other):
    """Whether two values are the same to the bit: repr tells -0.0 from 0.0."""
    assert repr(one) == repr(other)


def is_as_slow(table, cell):
    """Whether all that is told of a table is what its rows say."""
    known = slow_tables.entries(table.path, next(iter(_sources(table)), Source.REPLAYED))
    same(dict(table.entries), known)
    same([table.entries[key] for key in known], list(known.values()))
    names = {m.name for entry in known.values() for m in entry.measurements}
    for name in names:
        wanted = [
            next((m.value for m in e.measurements if m.name == name), math.nan)
            for e in known.values()
        ]
        same(table.entries.metric(name).tolist(), wanted)
    taken = [math.nan if e.seconds is None else e.seconds for e in known.values()]
    same(table.entries.seconds().tolist(), taken)
    if cell is None:
        return
    kept, evaluator = slow_tables.feasible(known, cell), TableEvaluator(table, cell)
    same(feasible(table, cell), kept)
    ranks = slow_tables.ranks(kept, cell)
    same([o.rank for o in evaluator.outcomes.values()], [ranks.get(key) for key in known])
    same(evaluator.whole, slow_tables.whole(kept, cell))


def _sources(table):
    return {m.source for e in table.entries.values() for m in e.measurements}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_committed_table_says_what_it_said(path):
    is_as_slow(tables.read(path), CELLS.get(path))


SPACE = {
    "block": {"choices": [1, 2, 4], "default": 1},
    "shape": {"choices": ["a", "é", '"'], "default": "a"},
    "format": {"choices": ["Q4", "Q8"], "default": "Q4"},
}
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 2.0, 3.5, 1e-9, 0.04, 0.06, -7.25, 1e300, 1.7e308])
UNITS = ["us", "tokens/s", "req/s", "1"]


@st.composite
def rows(draw):
    """Rows of a table: passes, failures, samples, and shares that others took."""
    found = []
    for configuration in SearchSpace.model_validate_json(_json(SPACE)).grid():
        for number in range(draw(st.integers(1, 3))):
            count = draw(st.integers(1, 5))
            samples = st.lists(NUMBERS, min_size=count, max_size=count)
            readings = [
                {"name": "speed", "unit": draw(UNIT), "samples": draw(samples)},
                {"name": "others_share", "unit": "1", "samples": draw(samples)},
                {"name": "size", "unit": "MB", "samples": draw(samples)},
                {"name": tables.TAKEN, "unit": "s", "samples": draw(samples)},
            ]
            status = draw(st.sampled_from([Status.OK, Status.OK, Status.OK, Status.OOM]))
            kept = [one for one in readings if draw(st.integers(0, 5))]
            found.append(_row(configuration, number, status, kept))
    return found


UNIT = st.sampled_from(["us", "us", "us", "tokens/s"])


def _json(value):
    return json.dumps(value)


def _row(configuration, number, status, readings):
    return {
        "configuration": key_of(configuration),
        "pass": number,
        "status": status,
        "reason": "" if status is Status.OK else "no memory",
        "readings": readings,
        "facts": {"build": str(number)},
    }


def _cell(direction, limited, goals):
    (cell,) = [c for c in CELLS.values() if c.track == "kernel"][:1]
    constraints = [{"metric": limited, "at_most_times_default": 1.5}] if limited else []
    also = [{"metric": "size", "unit": "MB", "direction": "minimize"}] if goals else []
    objective = {"metric": "speed", "unit": "us", "direction": direction, "also": also}
    return Cell.model_copy(
        cell,
        update={
            "space": SearchSpace.model_validate_json(_json(SPACE)),
            "objective": Objective.model_validate_json(
                _json({**objective, "constraints": constraints})
            ),
        },
    )


@settings(max_examples=30, deadline=None)
@given(
    rows(),
    st.sampled_from(["minimize", "maximize"]),
    st.sampled_from(["", "size", "speed", "nothing"]),
    st.booleans(),
)
def test_small_tables_of_any_kind_say_what_their_rows_say(
    tmp_path_factory, found, direction, limited, goals
):
    path = tmp_path_factory.mktemp("columns") / "table.parquet"
    tables.write(path, {}, found)
    try:
        wanted = slow_tables.entries(path, Source.REPLAYED)
    except ValueError:
        wanted = None

    if wanted is None:
        with pytest.raises(HaqaError, match="not the rows of a response table"):
            tables.read(path)
    else:
        is_as_slow(tables.read(path), _cell(direction, limited, goals))


@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=9), max_size=8), st.sampled_from(UNITS))
def test_medians_and_quartiles_of_groups_are_those_of_statistics(groups, unit):
    made = Groups(
        np.arange(len(groups)),
        np.array([len(group) for group in groups], np.intp),
        np.array([number for group in groups for number in group], float),
    )
    which = 3 if unit == "tokens/s" else 1

    found = quartiles(made, which) if unit in SPEEDS else medians(made)

    same(found.tolist(), [estimate(group, unit).value for group in groups])
    same(medians(made).tolist(), [statistics.median(group) for group in groups])


def test_a_table_goes_to_another_process_whole():
    table = tables.read(TABLES[0])

    again = pickle.loads(pickle.dumps(table))

    assert again == table
