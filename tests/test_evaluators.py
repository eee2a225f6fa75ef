"""Evaluators and response tables: real samples in, the same samples out; failures stay failures."""

import re
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from support import SUITE, evaluator_of, rows, write_table

from haqa_bench import suite
from haqa_bench.arithmetic.estimate import estimate, interval
from haqa_bench.backends.llama_jobs import Measured, Sample
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome
from haqa_bench.run import sweep as tabulate
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.tracks.deploy import evaluator as deploy
from haqa_bench.tracks.deploy.track import DEPLOY
from haqa_bench.trial import Measurement, Source, Status


@pytest.fixture
def cell(project):
    return suite.load(project / "suites/small.yaml", project).cells[0]


@pytest.fixture
def path(project):
    return next((project / "results/tables").rglob("*.parquet"))


def test_a_table_gives_every_sample_back_as_replayed(project):
    outcome = evaluator_of(project).measure({"n_threads": 2, "format": "Q4_1"})

    speed = outcome.measurements[0]
    assert speed.samples == (60.0, 54.0, 60.0, 54.0)
    assert speed.value == 60.0
    assert {m.source for m in outcome.measurements} == {Source.REPLAYED}


def test_a_configuration_that_failed_fails_again_with_its_reason(project):
    with pytest.raises(EvaluationFailed, match="exit code 1") as caught:
        evaluator_of(project).measure({"format": "IQ4_NL", "n_threads": 1})

    assert caught.value.status is Status.CRASHED


@pytest.mark.parametrize(
    ("failed", "status"),
    [([0], Status.CRASHED), ([0, 1], Status.CRASHED), ([], Status.OK)],
    ids=["tie", "both", "none"],
)
def test_what_most_passes_say_counts_and_a_tie_is_a_failure(cell, tmp_path, failed, status):
    found = [r for r in rows(cell) if r["configuration"] == '{"format":"Q4_1","n_threads":2}']
    for number in failed:
        found[number] |= {"status": "crashed", "reason": "x", "readings": []}

    tables.write(tmp_path / "t.parquet", {}, found)

    assert (
        tables.read(tmp_path / "t.parquet").entries['{"format":"Q4_1","n_threads":2}'].status
        is status
    )


def test_the_optimum_is_the_best_feasible_value_of_the_whole_table(project):
    assert evaluator_of(project).whole.optimum == 80.0  # Q4_0's 100 breaks the constraint


def test_a_damaged_or_foreign_parquet_file_is_one_clear_line(path, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    cut = tmp_path / "cut.parquet"
    cut.write_bytes(path.read_bytes()[:-20])
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")

    with pytest.raises(HaqaError, match="not a Parquet file"):
        tables.read(cut)
    with pytest.raises(HaqaError, match="not a response table"):
        tables.read(tmp_path / "other.parquet")


def test_a_table_of_another_workload_is_refused(project, cell, path):
    longer = cell.model_copy(update={"workload": cell.workload.model_copy(update={"n_prompt": 64})})

    with pytest.raises(HaqaError, match="another cell or workload"):
        tables.check(tables.read(path), longer)


def test_the_same_table_gives_the_same_bytes(project, path):
    before = path.read_bytes()

    assert write_table(project).read_bytes() == before


@pytest.mark.parametrize(
    ("samples", "unit", "others", "expected"),
    [
        ([100.0, 90.0, 10.0, 95.0, 98.0], "tokens/s", (), (98.0, 5)),
        ([1.0, 1.1, 9.0, 1.05, 1.2], "ms", (), (1.05, 5)),
        ([3.0, 1.0, 2.0], "MB", (), (2.0, 3)),
        ([7.0], "tokens/s", (), (7.0, 1)),
        ([100.0, 90.0, 80.0], "tokens/s", (0.3, 0.0, 0.01), (87.5, 2)),
        ([100.0, 90.0], "tokens/s", (0.3, 0.3), (97.5, 2)),
        ([100.0, 90.0], "tokens/s", (0.3,), (97.5, 2)),
    ],
    ids=["rates", "times", "the rest", "one", "some disturbed", "all disturbed", "not told"],
)
def test_the_estimate_is_the_quick_quartile_of_undisturbed_speeds_and_the_median_of_the_rest(
    samples, unit, others, expected
):
    assert estimate(samples, unit, others) == pytest.approx(expected)


class Fake:
    """Stands in for llama.cpp."""

    def __init__(self, cell):
        self.calls, self.made_of, self.disturbed = [], {"model_sha256": "0" * 64}, None

    def sample(self, configuration, repeat):
        self.calls.append((key_of(configuration), repeat))
        if configuration == {"format": "IQ4_NL", "n_threads": 1}:
            raise EvaluationFailed(Status.REFUSED, "no")
        speed = Measurement(
            name="end_to_end_tokens_per_s",
            value=1.0,
            unit="tokens/s",
            source=Source.MEASURED,
            samples=(1.0, 2.0),
            used=2,
        )
        share = (
            0.5
            if configuration == self.disturbed
            and sum(key == self.calls[-1][0] for key, _ in self.calls) <= 2
            else 0.0
        )
        others = Measurement(
            name="others_share",
            value=share,
            unit="1",
            source=Source.MEASURED,
            samples=(share, 0.0),
            used=2,
        )
        return Outcome((speed, others), {"n_threads": "2"})


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(DEPLOY, "evaluator", Fake)


def test_a_sweep_measures_every_configuration_in_every_pass_and_quality_once(fake, cell, tmp_path):
    sweep = tabulate.open_sweep(cell, tmp_path / "t.parquet")
    tabulate.sweep([sweep], passes=2, seed=1, done=lambda: None)

    table = tables.read(tmp_path / "t.parquet")
    assert len(sweep.evaluator.calls) == 2 * cell.space.size
    assert sum(repeat == 0 for _, repeat in sweep.evaluator.calls) == cell.space.size
    assert [k for k, _ in sweep.evaluator.calls[:6]] != [k for k, _ in sweep.evaluator.calls[6:]]
    assert table.card["passes"] == 2
    assert table.entries['{"format":"Q4_0","n_threads":2}'].measurements[0].samples == (
        1.0,
        2.0,
        1.0,
        2.0,
    )
    assert table.entries['{"format":"IQ4_NL","n_threads":1}'].status is Status.REFUSED
    tables.check(table, cell)


def test_a_configuration_whose_passes_were_disturbed_is_measured_again(fake, cell, tmp_path):
    sweep = tabulate.open_sweep(cell, tmp_path / "t.parquet")
    sweep.evaluator.disturbed = {"format": "Q4_1", "n_threads": 2}
    tabulate.sweep([sweep], passes=2, seed=1, done=lambda: None)

    counts = Counter(key for key, _ in sweep.evaluator.calls)
    assert (
        counts.pop('{"format":"Q4_1","n_threads":2}') == 4
    )  # two passes disturbed, two more that were not
    assert set(counts.values()) == {2}


def test_a_sweep_that_was_stopped_goes_on(fake, cell, tmp_path):
    class Stop(Exception):
        pass

    def stop_after_four():
        left.pop()
        if not left:
            raise Stop

    left = [1] * 4
    first = tabulate.open_sweep(cell, tmp_path / "t.parquet")
    with pytest.raises(Stop):
        tabulate.sweep([first], 2, 1, stop_after_four)
    second = tabulate.open_sweep(cell, tmp_path / "t.parquet")
    tabulate.sweep([second], 2, 1, lambda: None)

    assert len(first.evaluator.calls) + len(second.evaluator.calls) == 2 * cell.space.size


def test_a_sweep_begun_for_another_space_is_not_mixed_in(fake, cell, tmp_path):
    tabulate.open_sweep(cell, tmp_path / "t.parquet")
    other = cell.model_copy(update={"workload": cell.workload.model_copy(update={"repeats": 9})})

    with pytest.raises(HaqaError, match="begun with another space, workload or model"):
        tabulate.open_sweep(other, tmp_path / "t.parquet")


def test_a_model_file_that_is_not_gguf_is_one_clear_line(tmp_path):
    from haqa_bench.backends.gguf_models import find

    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04 a zip")

    with pytest.raises(HaqaError, match="not a GGUF file"):
        find(str(tmp_path / "model.gguf"))
    with pytest.raises(HaqaError, match="no such model file"):
        find(str(tmp_path / "none.gguf"))
    with pytest.raises(HaqaError, match=r"Install it with: pip install no-such-package"):
        find("package:no-such-package")


def test_deploying_without_llama_cpp_says_how_to_install_it(cell, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(HaqaError, match=r"\.\[deploy\]"):
        deploy.DeployEvaluator(cell)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("n_thread: {choices: [1, 2]", "has no setting 'n_thread'. Did you mean 'n_threads'?"),
        ("n_ctx: {choices: [1, 2]", "has no setting 'n_ctx'. "),
        ("n_threads_batch: {choices: [1, 2]", "'n_threads' is missing"),
    ],
)
def test_a_space_with_an_unknown_setting_or_without_a_needed_one_is_refused(
    project, changed, message
):
    path = project / "suites" / "small.yaml"
    path.write_text(SUITE.replace("n_threads: {choices: [1, 2]", changed))

    with pytest.raises(HaqaError, match=re.escape(message)):
        suite.load(path, project)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("metric: end_to_end_token_per_s", "Did you mean 'end_to_end_tokens_per_s'?"),
        (
            "metric: prompt_tokens_per_s\n      unit: ms",
            "the unit of prompt_tokens_per_s is tokens/s",
        ),
    ],
)
def test_an_unknown_metric_or_another_unit_is_refused(project, changed, message):
    path = project / "suites" / "small.yaml"
    wrong = SUITE.replace("metric: end_to_end_tokens_per_s\n      unit: tokens/s", changed)
    path.write_text(wrong)

    with pytest.raises(HaqaError, match=re.escape(message)):
        suite.load(path, project)


def test_a_suite_may_leave_unit_and_direction_to_the_metric(project):
    path = project / "suites" / "small.yaml"
    path.write_text(
        SUITE.replace("end_to_end_tokens_per_s\n      unit: tokens/s", "first_token_ms")
    )

    (cell,) = suite.load(path, project).cells

    assert (cell.objective.unit, cell.objective.direction) == ("ms", "minimize")


def test_a_quality_text_outside_the_suite_s_folder_is_refused(project):
    path = project / "suites" / "small.yaml"
    path.write_text(SUITE.replace("quality_text: text.txt", "quality_text: ../secret.txt"))

    with pytest.raises(HaqaError, match="beside or below the suite"):
        suite.load(path, project)


def test_another_quality_text_is_another_lock(project):
    path = project / "suites" / "small.yaml"
    before = suite.load(path, project).lock
    (project / "suites" / "text.txt").write_text("Other words.")

    assert suite.load(path, project).lock != before


class Processes:
    """What each process of a configuration measures: so many samples of these speeds, one process
    after the other.
    """

    def __init__(self, *speeds):
        self.speeds, self.asked = list(speeds), []

    def __call__(self, configuration, repeat):
        self.asked.append(repeat)
        found = self.speeds.pop(0)
        if found is None:
            raise EvaluationFailed(Status.TIMEOUT, "too slow")
        measured = {
            "name": "end_to_end_tokens_per_s",
            "unit": "tokens/s",
            "samples": tuple(found),
            "value": found[0],
            "used": 2,
        }
        quiet = {
            "name": "others_share",
            "unit": "1",
            "samples": (0.0,) * len(found),
            "value": 0.0,
            "used": 2,
        }
        return Outcome(
            tuple(Measurement(source=Source.MEASURED, **m) for m in (measured, quiet)),
            {"build": "1"},
            seconds=2.0,
        )


@pytest.fixture
def measured_by(cell, monkeypatch):
    monkeypatch.setattr(deploy, "require_llama_cpp", lambda: None)
    monkeypatch.setattr(deploy, "formats_of", lambda model, imatrix: SimpleNamespace(random=False))

    def measure(*speeds):
        evaluator = deploy.DeployEvaluator(cell)
        evaluator.sample = Processes(*speeds)
        return evaluator.measure(cell.space.default), evaluator.sample.asked

    return measure


def test_a_configuration_is_measured_until_its_interval_is_narrow(measured_by):
    outcome, asked = measured_by((100.0, 101.0), (100.5, 100.2), (99.0, 100.0))

    assert asked == [
        0,
        1,
    ]  # four samples within 2 %: a third process tells nothing new; quality is asked for once
    assert outcome.measurements[0].samples == (100.0, 101.0, 100.5, 100.2)
    assert outcome.seconds == 4.0


def test_a_configuration_that_stays_uncertain_is_given_up_at_the_cap(measured_by):
    outcome, asked = measured_by(
        (100.0, 60.0), (90.0, 50.0), (100.0, 70.0), (80.0, 60.0), (1.0, 1.0)
    )

    assert len(asked) == 4
    assert len(outcome.measurements[0].samples) == 8


def test_a_repeat_that_fails_is_told_and_what_was_measured_stays(measured_by):
    outcome, _ = measured_by((100.0, 60.0), None)

    assert outcome.facts == {"build": "1", "failed_repeat": "timeout: too slow"}
    assert outcome.measurements[0].samples == (100.0, 60.0)


def test_an_interval_holds_its_estimate_and_is_none_of_few_samples_or_of_anything_but_speeds():
    samples = [100.0, 98.0, 102.0, 95.0, 101.0, 99.0]
    low, high = interval(samples, "tokens/s")

    assert low <= estimate(samples, "tokens/s").value <= high
    assert interval(samples[:3], "tokens/s") is None
    assert interval(samples, "MB") is None
    assert interval([*samples, 5.0], "tokens/s", [0.0] * 6 + [0.4]) == (low, high)


def test_filling_a_cache_is_part_of_the_seconds_of_what_needs_it(cell, measured_by, monkeypatch):
    work = cell.workload.model_copy(update={"depth": 8})
    evaluator = deploy.DeployEvaluator(cell.model_copy(update={"workload": work}))
    monkeypatch.setattr(evaluator, "_fill", lambda configuration: time.sleep(0.05))
    monkeypatch.setattr(evaluator, "_sample", lambda configuration, repeat: Outcome((), {}))

    assert evaluator.sample(cell.space.default, 0).seconds >= 0.05


def test_rates_are_tokens_over_the_seconds_that_they_took(cell):
    sample = Sample(0.5, 0.5, 0.31, 0.8, 0.5, 0.31, 0.0, 0)
    result = Measured(0.1, (sample,), 200_000_000, None, None, {})

    values = {m.name: m.value for m in deploy._measurements(result, cell.workload)}

    assert values["end_to_end_tokens_per_s"] == pytest.approx(32 / 0.8)
    assert values["generation_tokens_per_s"] == pytest.approx(31 / 0.31)
    assert values["prompt_tokens_per_s"] == pytest.approx(128 / 0.5)
    assert values["first_token_ms"] == 500
    assert values["peak_memory_mb"] == 200
    assert "perplexity" not in values
