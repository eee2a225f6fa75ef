"""How much of a model's quality a format keeps: what is held against what, how often, and the sums.
Real models: test_live_quality.py."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.backends.quality_jobs import SCORED, WINDOW, Compare, Compared, Refer, Referred
from haqa_bench.tracks.deploy import quality
from haqa_bench.tracks.deploy.quality import Guard, Quality, interval_95

SETTINGS = Settings(n_threads=2, n_threads_batch=2)


class Forms:
    """A model's formats, without files."""

    def __init__(self, sha256):
        self.sha256 = sha256

    def path(self, name):
        return f"/{self.sha256}/{name}"


@pytest.fixture
def jobs(monkeypatch, tmp_path):
    """The jobs that are asked for."""
    done = []

    def run_job(job, timeout_s):
        done.append(job)
        if isinstance(job, Refer):
            with open(job.target, "w") as file:
                file.write("what it expects")
            return Referred(12.5)
        return Compared((0.1, 0.3), (0.9, 0.7), 13.0, 12.5)

    monkeypatch.setattr(quality, "run_job", run_job)
    monkeypatch.setattr(quality, "cache", lambda: tmp_path)
    monkeypatch.setattr(quality.facts, "installed_build", lambda: "0.0.0")
    return done


def kinds(jobs):
    return [type(job) for job in jobs]


def test_a_format_is_held_once_whatever_its_threads(jobs):
    guard = Guard(Forms("a"), "", "words", 16)

    first = guard.of("Q4_0", SETTINGS)
    again = guard.of("Q4_0", Settings(n_threads=1, n_threads_batch=1, n_ubatch=64))
    other = guard.of("Q4_0", Settings(n_threads=1, n_threads_batch=1, type_k="q8_0"))

    assert kinds(jobs) == [Refer, Compare, Compare]
    assert first is again
    assert other is not first
    assert jobs[1].settings.type_k == "f16"
    assert (first.divergence, first.same) == (pytest.approx(0.2), pytest.approx(0.8))


def test_the_reference_itself_loses_nothing_and_runs_no_second_time(jobs):
    found = Guard(Forms("a"), "", "words", 16).of("own", SETTINGS)

    assert kinds(jobs) == [Refer]
    assert (found.divergence, found.same, found.found.perplexity) == (0.0, 1.0, 12.5)
    assert found.facts["kl_divergence_95"] == "0.0000 to 0.0000"


def test_what_a_reference_expects_is_kept_for_the_next_run(jobs):
    Guard(Forms("a"), "", "words", 16).of("own", SETTINGS)
    Guard(Forms("a"), "", "words", 16).of("Q8_0", SETTINGS)
    Guard(Forms("a"), "", "other words", 16).of("own", SETTINGS)

    assert kinds(jobs) == [Refer, Compare, Refer]


def test_a_more_precise_file_is_what_the_model_is_held_against(jobs, monkeypatch):
    monkeypatch.setattr(quality, "Formats", lambda path: Forms(f"of {path}"))

    Guard(Forms("a"), "big.gguf", "words", 16).of("own", SETTINGS)

    assert kinds(jobs) == [Refer, Compare]
    assert jobs[0].model == "/of big.gguf/own"
    assert jobs[1].model == "/a/own"


def test_readings_are_means_over_windows():
    found = Quality(Compared((0.1, 0.3), (0.8, 0.6), 11.0, 10.0)).readings

    assert found["kl_divergence", "nats"] == [pytest.approx(0.2)]
    assert found["same_first_token", "1"] == [pytest.approx(0.7)]
    assert found["perplexity", "1"] == [11.0]


def test_an_interval_is_student_s():
    values = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    half = 2.5705818 * np.std(values, ddof=1) / math.sqrt(6)

    low, _, high = interval_95(values).partition(" to ")

    assert float(low) == pytest.approx(3.5 - half, abs=1e-4)
    assert float(high) == pytest.approx(3.5 + half, abs=1e-4)
    assert interval_95(values[:5]) == ""


def test_a_window_is_scored_as_its_definition_says():
    pytest.importorskip("llama_cpp")
    from haqa_bench.backends.workers.quality import Window

    rng, vocabulary = np.random.default_rng(0), 7
    logits = rng.normal(size=(2, SCORED, vocabulary))
    p, q = (np.log(np.exp(one) / np.exp(one).sum(axis=1, keepdims=True)) for one in logits)
    tokens = rng.integers(0, vocabulary, WINDOW).tolist()

    found = Window(p.astype(np.float32), q.astype(np.float32), tokens)

    expected = np.mean(
        [
            math.fsum(math.exp(x) * (x - y) for x, y in zip(a, b, strict=True))
            for a, b in zip(p, q, strict=True)
        ]
    )
    following = tokens[WINDOW // 2 + 1 :]
    assert len(following) == SCORED
    assert found.divergence == pytest.approx(expected, rel=1e-4)
    assert found.same == np.mean(p.argmax(axis=1) == q.argmax(axis=1))
    assert found.loss == pytest.approx(-np.mean([q[i, t] for i, t in enumerate(following)]))


def test_what_both_forbid_is_no_loss_and_what_one_forbids_is_no_number():
    """llama.cpp itself forbids some tokens of some models, by the smallest float32 there is."""
    pytest.importorskip("llama_cpp")
    from haqa_bench.backends.workers.quality import Window

    half, none = math.log(0.5), float(np.finfo(np.float32).min)
    both, one = (
        np.tile(np.array(row, np.float32), (SCORED, 1))
        for row in ([half, half, none], [half, none, half])
    )
    forbidden = np.where(both == none, -np.inf, both).astype(np.float32)

    for ours in (both, forbidden):
        assert Window(forbidden, ours, [0] * WINDOW).divergence == 0
    assert Window(both, one, [0] * WINDOW).divergence > 1e30


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_end_with_a_reason(monkeypatch, tmp_path, value):
    pytest.importorskip("llama_cpp")
    from haqa_bench.backends.workers import quality as worker
    from haqa_bench.backends.workers.frame import Refused

    expected = np.full((SCORED, 7), -value, np.float32)
    odd = SimpleNamespace(
        windows=lambda text: [[0] * WINDOW], vocabulary=7, expects=lambda tokens: expected
    )
    monkeypatch.setattr(worker, "Model", lambda *_: odd)
    np.save(tmp_path / "good.npy", np.zeros((1, SCORED, 7), np.float16))
    target, good = str(tmp_path / "made.npy"), str(tmp_path / "good.npy")

    with pytest.raises(Refused, match="gives the text no probability"):
        worker.refer(Refer(model="m", settings=SETTINGS, text="x", windows=1, target=target))
    with pytest.raises(Refused, match="gives the text no probability"):
        worker.compare(Compare(model="m", settings=SETTINGS, text="x", reference=good))


def test_text_is_parted_into_whole_windows_each_with_its_beginning(monkeypatch):
    pytest.importorskip("llama_cpp")
    from haqa_bench.backends.workers import quality as worker

    model = object.__new__(worker.Model)
    model.model, model.begins = None, 1
    monkeypatch.setattr(worker, "tokenize", lambda _, text: json.loads(text))
    tokens = list(range(1000, 1000 + 2 * WINDOW + 5))

    found = model.windows(json.dumps(tokens))

    assert [one[:2] for one in found] == [[1, 1001], [1, 1001 + WINDOW]]
    assert {len(one) for one in found} == {WINDOW}
    model.begins = None
    assert model.windows(json.dumps(tokens))[1][0] == 1000 + WINDOW


def test_a_text_that_is_too_short_is_refused(monkeypatch, tmp_path):
    pytest.importorskip("llama_cpp")
    from haqa_bench.backends.workers import quality as worker
    from haqa_bench.backends.workers.frame import Refused

    short = SimpleNamespace(windows=lambda text: [[0] * WINDOW], vocabulary=7)
    monkeypatch.setattr(worker, "Model", lambda *_: short)
    job = Refer(model="m", settings=SETTINGS, text="x", windows=2, target=str(tmp_path / "t"))

    with pytest.raises(Refused, match="the text has 1 windows of 512 tokens, 2 are asked for"):
        worker.refer(job)
