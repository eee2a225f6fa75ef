"""What every evaluator must do, whatever it measures; each stands on the smallest thing that it can
really measure here. Those of real models: test_live.py.
"""

import importlib.util

import pytest
from support import REPOSITORY, TRAINING_SUITE, evaluator_of, write_images

from haqa_bench import suite
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends.llama_jobs import Contents, Measured, Sample
from haqa_bench.testing import EvaluatorContract, SmallDevice, small_studies
from haqa_bench.tracks.deploy import evaluator as deploy
from haqa_bench.tracks.deploy import roofline
from haqa_bench.tracks.kernel.evaluator import KernelEvaluator
from haqa_bench.tracks.memory.evaluator import MemoryEvaluator
from haqa_bench.tracks.memory.recording import Recorded
from haqa_bench.tracks.qat.evaluator import QatEvaluator

KERNELS = """\
name: kernels
models:
  Tiny: {architecture: llama, parameters: 1, dimensions: {hidden: 128, feed_forward: 192}}
methods: [{name: default, optimizer: default}]
seeds: [0]
cells:
  - track: kernel
    models: [Tiny]
    bit_widths: [FP32]
    hardware: [epyc-zen4-2core]
    space: {GROUP: {choices: [8, 100000], default: 8}, VEC: {choices: [4], default: 4},
      ITEMS: {choices: [2], default: 2}, STRIDED: {choices: [1], default: 1},
      NATIVE: {choices: [0], default: 0}}
    workload: {kernel: silu, shape: {count: 1000}, repeats: 2, timeout_s: 60.0}
    measurement: {processes: 1}
    objective: {metric: time_us, unit: us, direction: minimize}
    budget: {proposals: 2}
"""


def cell_of(folder, text):
    (folder / "suite.yaml").write_text(text)
    return suite.load(folder / "suite.yaml", REPOSITORY).cells[0]


class TestSmallDevice(EvaluatorContract):
    """The contracts' own stand-in."""

    metric = "end_to_end_tokens_per_s"

    @pytest.fixture
    def evaluator(self):
        return SmallDevice()

    @pytest.fixture
    def configuration(self, tmp_path):
        return small_studies(tmp_path)[0].cell.space.default

    @pytest.fixture
    def failing(self):
        return {"format": "IQ4_NL", "n_threads": 1}


class TestTable(TestSmallDevice):
    @pytest.fixture
    def evaluator(self, project):
        return evaluator_of(project)


class TestMemory(EvaluatorContract):
    metric = "right_choices"

    @pytest.fixture
    def cell(self):
        return suite.load(REPOSITORY / "suites/memory.yaml", REPOSITORY).cells[0]

    @pytest.fixture
    def evaluator(self, cell):
        sizes = {"FP16": 15, "INT8": 9, "INT4": 5}
        made = {n: Prediction(gb * 10**9, 0, 0, 0, 0, 0, 0) for n, gb in sizes.items()}
        return MemoryEvaluator(cell, Recorded(made, {}, {}))

    @pytest.fixture
    def configuration(self, cell):
        return cell.space.default


class TestRoofline(EvaluatorContract):
    metric = "generation_tokens_per_s"

    @pytest.fixture
    def evaluator(self, monkeypatch):
        monkeypatch.setattr(roofline.gguf_models, "require_llama_cpp", lambda: None)
        cells = suite.load(REPOSITORY / "suites/formats.yaml", REPOSITORY).cells
        cell = next(c for c in cells if c.hardware.name == "oneplus-11")
        made = roofline.RooflineEvaluator(cell)
        made.weights = {name: {name: 10**9} for name in cell.space.root["format"].choices}
        made.weights["Q4_0"] = {"MXFP4": 10**9}  # a type that the roofline does not know
        return made

    @pytest.fixture
    def configuration(self):
        return {"format": "Q8_0"}

    @pytest.fixture
    def failing(self):
        return {"format": "Q4_0"}


class TestKernel(EvaluatorContract):
    metric = "time_us"

    @pytest.fixture
    def cell(self, tmp_path):
        return cell_of(tmp_path, KERNELS)

    @pytest.fixture
    def evaluator(self, cell):
        return KernelEvaluator(cell)

    @pytest.fixture
    def configuration(self, cell):
        return cell.space.default

    @pytest.fixture
    def failing(self, configuration):
        return {**configuration, "GROUP": 100000}


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
class TestQat(EvaluatorContract):
    metric = "valid_accuracy"

    @pytest.fixture
    def cell(self, tmp_path):
        return cell_of(tmp_path, TRAINING_SUITE.replace("BITS", "w2a2"))

    @pytest.fixture
    def evaluator(self, cell, tmp_path, monkeypatch):
        (tmp_path / "data" / "cifar10").mkdir(parents=True)
        monkeypatch.setenv("HAQA_BENCH_DATA", str(tmp_path / "data"))
        monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        write_images(tmp_path / "data", {"train": 20, "test": 2})
        return QatEvaluator(cell)

    @pytest.fixture
    def configuration(self, cell):
        return cell.space.default

    @pytest.fixture
    def failing(self, configuration):
        return {**configuration, "learning_rate": 1e20}


class TestDeploy(EvaluatorContract):
    """With a stand-in for the process that runs llama.cpp."""

    metric = "end_to_end_tokens_per_s"

    @pytest.fixture
    def evaluator(self, project, monkeypatch):
        class Formats:
            sha256, imatrix_sha256, random = "0" * 64, "", False

            def __init__(self, path):
                pass

            def path(self, name):
                return name

            def contents(self, name):
                return Contents({name: 32}, {name: 32}, layers=1, stored_bytes=18, file_bytes=99)

        monkeypatch.setattr(deploy, "require_llama_cpp", lambda: None)
        monkeypatch.setattr(deploy, "formats_of", lambda model, imatrix: Formats(None))
        monkeypatch.setattr(deploy, "run_job", answered)
        monkeypatch.setattr(deploy.DeployEvaluator, "_foreseen", lambda *_: None)
        return deploy.DeployEvaluator(suite.load(project / "suites/small.yaml", project).cells[0])

    @pytest.fixture
    def configuration(self):
        return {"format": "Q4_0", "n_threads": 2}

    @pytest.fixture
    def failing(self):
        return {"format": "IQ4_NL", "n_threads": 1}


def answered(job, timeout_s):
    """What llama.cpp's worker says; IQ4_NL takes more memory than it may."""
    sample = Sample(
        prompt_s=0.5,
        first_token_s=0.5,
        generate_s=0.31,
        total_s=0.8,
        llama_prompt_s=0.5,
        llama_generate_s=0.31,
        others_share=0.0,
        involuntary_switches=0,
    )
    return Measured(
        load_s=0.1,
        samples=(sample, sample),
        peak_bytes=10**12 if job.model == "IQ4_NL" else 2 * 10**8,
        perplexity=20.0 if job.text else None,
        held_out_loss=None,
        facts={"build": "1"},
    )
