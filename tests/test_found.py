"""What a report finds out about a run: random search, exactly; copies; and how sure a table is."""

import itertools
import time

import numpy as np
import pytest
from support import SUITE, plan, replayed, write_table

from haqa_bench.arithmetic.estimate import estimate
from haqa_bench.project import Project, open_run
from haqa_bench.report.found import exact, overlap, uncertainty
from haqa_bench.report.found.swept import Swept
from haqa_bench.space import SearchSpace, key_of
from haqa_bench.store import tables
from haqa_bench.tracks.replayed import counted

CELL = "net-int4-epyc-zen4-2core"


@pytest.fixture
def folder(project):
    text = SUITE[: SUITE.index("  - name: haqa")] + SUITE[SUITE.index("seeds:") :]
    (project / "suites/small.yaml").write_text(text.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    return replayed(project)


def test_random_search_is_known_exactly_where_a_table_was_replayed(project, folder):
    with open_run(folder) as run:
        found = exact.exact(run, Project(project), CELL)

    assert found.draws == 4
    assert found.values == (pytest.approx(80.0, rel=0.1), pytest.approx(60.0, rel=0.1))
    assert found.chances == (pytest.approx(4 / 5), 1.0)  # one of five others is better


def test_a_table_that_is_not_the_replayed_one_says_nothing(project, folder):
    write_table(project, scale=2.0)

    with open_run(folder) as run:
        assert exact.exact(run, Project(project), CELL) is None
        assert uncertainty.uncertainty(run, Project(project), CELL) is None


def test_without_a_table_nothing_is_said(project, folder):
    Project(project).table(plan(project).suite.cells[0]).unlink()

    with open_run(folder) as run:
        assert exact.exact(run, Project(project), CELL) is None


def test_a_budget_of_seconds_has_no_number_of_draws(project):
    text = SUITE[: SUITE.index("  - name: haqa")] + SUITE[SUITE.index("seeds:") :]
    path = project / "suites/small.yaml"
    path.write_text(text.replace("{proposals: 5}", "{proposals: 5, seconds: 9.0}"))

    with open_run(replayed(project)) as run:
        assert exact.exact(run, Project(project), CELL) is None


def test_a_budget_of_evaluations_counts_the_default(project):
    text = SUITE[: SUITE.index("  - name: haqa")] + SUITE[SUITE.index("seeds:") :]
    path = project / "suites/small.yaml"
    path.write_text(text.replace("{proposals: 5}", "{proposals: 5, evaluations: 3}"))

    with open_run(replayed(project)) as run:
        assert exact.exact(run, Project(project), CELL).draws == 2


def test_studies_that_are_copies_are_told(project, folder):
    with open_run(folder) as run:
        found = overlap.overlaps(run)

    assert list(found) == [(CELL, "random")]  # the default proposes nothing
    assert found[CELL, "random"].studies == 3
    assert found[CELL, "random"].answerers == 0
    assert 0.6 <= found[CELL, "random"].jaccard <= 1.0  # four of five, each


def test_overlap_is_a_median_over_pairs_and_copies_are_counted():
    def study(seed, *configurations, by="a"):
        return overlap._Proposed("cell", "haqa", seed, by, list(configurations))

    found = overlap._overlap(
        [study(0, "x", "y", None), study(1, "x", "y", None), study(2, "z", "x", by="b")]
    )

    assert found == overlap.Overlap(
        studies=3, jaccard=pytest.approx(1 / 3), identical=2, answerers=2
    )


@pytest.fixture
def cell(project):
    return plan(project).suite.cells[0]


@pytest.fixture
def table(tmp_path):
    """A table of such samples, one configuration after another."""
    return lambda cell, samples: _table(tmp_path / "table.parquet", cell, samples)


def _table(path, cell, samples):
    metric, unit = cell.objective.metric, cell.objective.unit
    rows = [
        {
            "configuration": key_of(configuration),
            "pass": 0,
            "status": "ok" if taken else "crashed",
            "reason": "",
            "readings": [{"name": metric, "unit": unit, "samples": list(taken or ())}]
            * bool(taken),
            "facts": {},
        }
        for configuration, taken in itertools.zip_longest(cell.space.grid(), samples)
    ]
    tables.write(path, {}, rows)
    made = tables.read(path)
    return Swept(cell, made, counted(made, cell))


def test_samples_that_do_not_cross_leave_no_doubt(cell, table):
    found = table(cell, [[10.0, 11.0, 12.0], [20.0, 21.0, 22.0]])
    first, second = (found.table.entries.key(at) for at in found.counted.places)

    doubt = uncertainty.resampled(found)

    assert (doubt.another_best, doubt.chance_best(second), doubt.chance_best(first)) == (0, 1, 0)
    assert doubt.regret(second) == (0.0, 0.0)
    low, high = doubt.regret(first)
    assert (20 - 12) / 20 <= low < high <= (22 - 10) / 22 + 0.01
    assert doubt.regret("another") is None


def test_of_equal_configurations_either_may_be_the_best(cell, table):
    doubt = uncertainty.resampled(table(cell, [[10.0, 20.0, 30.0, 40.0]] * 2))

    assert 0.2 < doubt.another_best < 0.6
    assert (
        doubt.another_best
        == uncertainty.resampled(table(cell, [[10.0, 20.0, 30.0, 40.0]] * 2)).another_best
    )


@pytest.mark.parametrize("unit", ["tokens/s", "us", "nats"])
@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_a_resample_is_estimated_as_the_table_is(unit, count):
    rng = np.random.default_rng(3)
    samples = np.sort(rng.normal(size=(2, count)), axis=1)
    drawn = np.sort(rng.integers(0, count, (2, 5, count), np.uint16), axis=2)

    found = uncertainty._estimates(samples, drawn, unit)

    for row, places in enumerate(drawn):
        for draw, taken in enumerate(places):
            assert found[row, draw] == pytest.approx(
                estimate(list(samples[row, taken]), unit).value
            )


def test_one_sample_says_nothing_of_its_own_noise(cell, table):
    assert uncertainty.resampled(table(cell, [[10.0], [20.0], [30.0, 31.0]])) is None


def test_a_table_of_a_kernel_is_resampled_at_once(cell, table):
    rng = np.random.default_rng(0)
    choices = tuple(range(14))
    space = {name: {"choices": choices, "default": 0} for name in ("a", "b")}
    wide = cell.model_copy(update={"space": SearchSpace.model_validate(space)})
    large = table(wide, [list(rng.normal(100, 1, 20))] * wide.space.size)

    started = time.process_time()
    uncertainty.resampled(large)

    assert time.process_time() - started < 1.0  # some hundredths, on a machine that is not busy
