"""How often a configuration is measured: until its interval is narrow, or it is hopeless."""

import pytest
from support import DEFAULT, WINNER, plan, reading

from haqa_bench.arithmetic.estimate import estimate, interval
from haqa_bench.protocols import Outcome
from haqa_bench.run.study import entries
from haqa_bench.tracks.repeats import MeasuredHere, repeated
from haqa_bench.trial import Trial

METRIC = "end_to_end_tokens_per_s"


def sampled(unit, values):
    """Processes that give one sample each, of `values` in turn."""
    left = iter(values)
    return lambda configuration, repeat: Outcome(
        (reading(METRIC, unit, next(left)), reading("others_share", "1", 0.0)), {}, 1.0
    )


@pytest.fixture
def cell(project):
    found = plan(project).suite.cells[0]
    measurement = found.measurement.model_copy(update={"processes": 5})
    return found.model_copy(update={"measurement": measurement})


@pytest.mark.parametrize(
    ("values", "used"),
    [
        ([5.0, 5.1, 5.0, 5.05, 9.0], 4),  # within 3 % as soon as there is an interval
        ([5.0, 9.0, 7.0, 3.0, 9.0], 5),  # as many as the cell allows
        ([0.0] * 5, 4),  # nothing, for certain
    ],
)
def test_a_rate_of_requests_is_repeated_as_one_of_tokens_is(cell, values, used):
    found = repeated(cell, sampled("1/s", values), DEFAULT)
    alike = repeated(cell, sampled("tokens/s", values), DEFAULT)

    assert len(found.measurements[0].samples) == used
    assert found.measurements[0].value == alike.measurements[0].value


def test_a_rate_of_requests_is_its_upper_quartile_and_has_an_interval():
    samples = [1.0, 2.0, 3.0, 4.0, 5.0]

    assert estimate(samples, "1/s") == (4.0, 5)
    assert interval(samples, "1/s") == interval(samples, "tokens/s")


class Counts(MeasuredHere):
    """The default gives 60 tokens/s, the winner 80, and all else 10."""

    machine = "a test machine"

    def __init__(self, cell):
        self.cell, self.calls, self.made_of = cell, [], {"model": "made up"}

    def sample(self, configuration, repeat):
        """See Evaluator."""
        self.calls.append(dict(configuration))
        speed = {str(DEFAULT): 60.0, str(WINNER): 80.0}.get(str(configuration), 10.0)
        quality = reading("perplexity", "1", 10.0)
        others = reading("others_share", "1", 0.0)
        return Outcome((reading(METRIC, "tokens/s", speed), quality, others), {}, 1.0)


def measured(project, before):
    """The trials that follow some, and what was run for them."""
    what = plan(project, measure="live")
    study = next(s for s in what.studies if s.method.name == "random")
    hopeless = study.cell.measurement.model_copy(update={"hopeless": 0.8})
    study = study._replace(cell=study.cell.model_copy(update={"measurement": hopeless}))
    device = Counts(study.cell)
    every = entries(what, study, before, lambda: device)
    return [entry for entry in every if isinstance(entry, Trial)], device.calls


def test_a_study_that_goes_on_knows_what_is_hopeless(project):
    whole, calls = measured(project, [])
    behind = [t for t in whole if t.value(METRIC) == 10.0 and t.repeat_of is None]

    rest, called = measured(project, whole[:1])

    assert behind
    assert all(calls.count(t.configuration) == 1 for t in behind)
    assert rest == whole[1:]
    assert called == calls[calls.count(DEFAULT) :]


def test_a_study_knows_nothing_of_another_one(cell):
    device = Counts(cell)
    device.measure(DEFAULT)

    device.recall([])

    assert (device.best, device.default) == (None, None)
