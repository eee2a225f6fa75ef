"""Plans for a cell's own hardware, at several lengths of the context, and measured peaks: how they
are recorded, and what is recorded. llama.cpp itself: test_live_device_memory.py.
"""

from types import SimpleNamespace

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic.device_memory import HOST, DevicePlan, Share
from haqa_bench.arithmetic.memory import MARGIN, OWN, Prediction
from haqa_bench.documents import read_yaml
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.report.published.document import load
from haqa_bench.store import facts, tables
from haqa_bench.tracks.memory import evaluator, peaks, plans, recording
from haqa_bench.tracks.memory.peaks import Peak
from haqa_bench.tracks.memory.track import MEMORY

PREDICTED = Prediction(1000, 100, 50, 20, 10, 10, 10)
MEASURE = peaks.measure
TOLD = {facts.BUILD: "1", "machine": "a CPU", "measured": "2026-11-28", facts.WEIGHTS: "random"}


@pytest.fixture(scope="module")
def cells():
    found = suite.load(REPOSITORY / "suites/paper/deploy.yaml", REPOSITORY).cells
    return {cell.id: cell for cell in found if cell.track == "memory"}


@pytest.fixture
def on_gpu(cells):
    return cells["llama2-13b-any-nvidia-a6000-memory-planned"]


@pytest.fixture
def on_cpu(cells):
    return cells["gpt2-large-774m-any-xeon-emr-2core-memory-planned"]


@pytest.fixture(autouse=True)
def llama(monkeypatch):
    """Stands for llama.cpp: what it plans, and the formats that were measured."""
    measured = []

    def simulate(cell, n_ctx):
        share = Share("gpu", 41, n_ctx, 0, 5, 5, 0)
        plan = DevicePlan((share,), Share(HOST, 0, 7, 0, 0, 0, 1), "somebody")
        size = plan if plans.is_of_device(cell) else PREDICTED
        return dict.fromkeys(cell.workload.bit_widths, size)

    def measure(_cell, name):
        measured.append(name)
        return Peak(PREDICTED, (1190, 1201), "", TOLD)

    monkeypatch.setattr(plans, "simulate", simulate)
    monkeypatch.setattr(peaks, "measure", measure)
    monkeypatch.setattr(recording, "version", lambda _: "1")
    monkeypatch.setattr(recording.gguf_models, "require_llama_cpp", lambda: None)
    return measured


def test_a_plan_for_a_device_is_recorded_with_the_host_and_with_other_contexts(on_gpu, tmp_path):
    recording.record(on_gpu, tmp_path / "table.parquet")

    found = recording.read(on_gpu, tmp_path / "table.parquet")
    plan = found.sizes["FP16"]
    assert (plan.peak, plan.host.peak, plan.planned_by) == (522, 8, "somebody")
    assert found.others[4096]["INT4"].peak == 4106
    assert found.told["FP16_safe_mb_at_4096"] == "0.0"
    assert found.told[facts.PLANNED_BY] == "somebody"
    assert not found.peaks  # no such device is here


def test_peaks_are_measured_once_and_a_stopped_recording_goes_on(
    on_cpu, tmp_path, llama, monkeypatch
):
    path, whole = tmp_path / "table.parquet", peaks.measure

    def stops(cell, name):
        if name == "Q4_K_M":
            raise EvaluationFailed(Status.OOM, "no room")
        return whole(cell, name)

    monkeypatch.setattr(peaks, "measure", stops)
    with pytest.raises(HaqaError, match="Q4_K_M: no room"):
        recording.record(on_cpu, path)
    assert llama == ["F16", "Q8_0"]
    monkeypatch.setattr(peaks, "measure", whole)
    recording.record(on_cpu, path)

    assert llama == ["F16", "Q8_0", "Q4_K_M", "Q4_0"]
    assert recording.read(on_cpu, path).peaks["Q8_0"].measured == (1190, 1201)


def test_peaks_of_another_build_are_measured_anew(on_cpu, tmp_path, llama, monkeypatch):
    recording.record(on_cpu, tmp_path / "table.parquet")

    monkeypatch.setattr(recording, "version", lambda _: "2")
    recording.record(on_cpu, tmp_path / "table.parquet")

    assert llama == 2 * ["F16", "Q8_0", "Q4_K_M", "Q4_0"]


def test_a_trial_tells_peaks_where_they_were_taken_and_that_weights_are_random(on_cpu, tmp_path):
    recording.record(on_cpu, tmp_path / "table.parquet")

    trial = MEMORY.recorded(on_cpu, tmp_path / "table.parquet").measure(on_cpu.space.default)

    assert trial.facts["F16_peak_mb"] == "predicted 0.0, measured 0.0 0.0"
    assert trial.facts[facts.PEAKS_OF] == "a CPU, 2026-11-28, llama-cpp-python 1"
    assert trial.facts[facts.WEIGHTS] == "random"


def test_what_does_not_fit_the_machine_is_a_row_with_its_sum(on_cpu, tmp_path, monkeypatch):
    reason = "not loaded: does not fit 25,000 MB: weights 26,032.6 = 27,000.0 MB"
    monkeypatch.setattr(peaks, "measure", lambda *_: Peak(PREDICTED, (), reason, TOLD))

    recording.record(on_cpu, tmp_path / "table.parquet")

    found = recording.read(on_cpu, tmp_path / "table.parquet")
    assert found.peaks["F16"].measured == ()
    told = facts.parse(found.told).peaks["F16"]
    assert (told.measured_mb, told.reason) == ((), reason)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("predicted 101.5, measured 101.1 101.2", (101.5, (101.1, 101.2), "")),
        ("predicted 7.0", (7.0, (), "")),
        ("predicted 7.0, not loaded: no, really", (7.0, (), "not loaded: no, really")),
    ],
)
def test_a_peak_is_read_from_its_words(said, meant):
    assert facts.parse({"Q4_0_peak_mb": said}).peaks["Q4_0"] == meant


def test_peaks_of_a_model_without_a_file_are_told(tmp_path):
    text = (REPOSITORY / "suites/memory.yaml").read_text("utf-8")
    (tmp_path / "memory.yaml").write_text(text.replace("n_ctx: 2048", "peaks: [F16]"))

    with pytest.raises(HaqaError, match="'LLaMA2-7B' is not synthetic, and has no gguf"):
        read_yaml(tmp_path / "memory.yaml", suite.file_type())


class RandomFormats:
    """Files that are made when they are asked for."""

    random = True

    def __init__(self, folder):
        self.folder = folder

    def header(self, name):
        return self.folder / f"{name}.header.gguf"

    def path(self, name):
        (self.folder / f"{name}.gguf").touch()
        return self.folder / f"{name}.gguf"


@pytest.fixture
def made(monkeypatch, tmp_path):
    """A machine of 10 GB, whose processes take 1,200 bytes; the folder of the files."""
    monkeypatch.setattr(peaks.gguf_models, "formats_of", lambda _: RandomFormats(tmp_path))
    monkeypatch.setattr(peaks, "version", lambda _: "1")
    monkeypatch.setattr(peaks.llama_cpp_memory, "peak", lambda *_: 1200)
    room = SimpleNamespace(total=10**10)
    monkeypatch.setattr(peaks.psutil, "virtual_memory", lambda: room)
    return tmp_path


def predicts(monkeypatch, prediction):
    found = {OWN: SimpleNamespace(memory=prediction)}
    monkeypatch.setattr(peaks.llama_cpp_memory, "predict", lambda *_: found)


def test_each_format_is_run_as_often_as_the_cell_says_and_its_file_is_removed(
    on_cpu, made, monkeypatch
):
    predicts(monkeypatch, PREDICTED)

    twice = on_cpu.measurement.model_copy(update={"processes": 2})
    found = MEASURE(on_cpu.model_copy(update={"measurement": twice}), "Q8_0")

    assert found.measured == (1200, 1200)
    assert MEASURE(on_cpu, "Q8_0").measured == (1200,)
    assert found.told[facts.WEIGHTS] == "random"
    assert not (made / "Q8_0.gguf").exists()


def test_a_file_that_was_there_before_stays(on_cpu, made, monkeypatch):
    predicts(monkeypatch, PREDICTED)
    (made / "Q8_0.gguf").touch()

    MEASURE(on_cpu, "Q8_0")

    assert (made / "Q8_0.gguf").exists()


def test_what_is_predicted_not_to_fit_is_neither_made_nor_loaded(on_cpu, made, monkeypatch):
    predicts(monkeypatch, PREDICTED._replace(weights=10**10))

    found = MEASURE(on_cpu, "F16")

    assert found.measured == ()
    assert found.reason.startswith("not loaded: does not fit 10,000 MB: weights 10000.0")
    assert not list(made.iterdir())


def test_suites_without_the_new_fields_are_as_they_were():
    cell = suite.load(REPOSITORY / "suites/memory.yaml", REPOSITORY).cells[0]

    assert set(cell.workload.model_dump(mode="json")) == {"limits_gb", "n_ctx", "formats"}
    assert cell.id.endswith("-memory")


def test_on_the_paper_s_gpu_the_paper_s_context_gives_the_paper_s_decisions(on_gpu):
    path = REPOSITORY / f"results/tables/memory/{on_gpu.id}.parquet"
    found, published = recording.read(on_gpu, path), load(REPOSITORY / "paper_tables/table5.yaml")

    for row in published.rows:
        limit = round(float(row.key[1].split()[0]) * 1e9)
        ours = [found.sizes[column.ours].fits(limit) for column in published.columns]
        assert ours == [entry.word == "yes" for entry in row.values], row.key


def test_the_context_decides_whether_13b_runs_at_fp16_in_28_gb(on_gpu):
    path = REPOSITORY / f"results/tables/memory/{on_gpu.id}.parquet"
    found = recording.read(on_gpu, path)

    right = {
        n_ctx: evaluator.truth(on_gpu.workload, sizes, 28.0)
        for n_ctx, sizes in {512: found.sizes, **found.others}.items()
    }
    assert right == {512: "FP16", 1024: "INT8", 2048: "INT8", 4096: "INT8"}
    assert found.sizes["FP16"].devices[0].repacked == 0


def test_what_is_recorded_was_predicted_within_5_percent_and_never_too_low():
    found = {}
    for path in sorted((REPOSITORY / "results/tables/memory").glob("*-planned.parquet")):
        for key, entry in tables.read(path).entries.items():
            readings = {m.name: m for m in entry.measurements}
            if taken := readings.pop(facts.MEASURED_PEAK, None):
                peak = sum(m.value for m in readings.values())
                found[path.stem, key] = [peak / sample for sample in taken.samples]

    assert found
    for where, ratios in found.items():
        assert all(1 / (1 + MARGIN) <= ratio <= 1.05 for ratio in ratios), (where, ratios)
