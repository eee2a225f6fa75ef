"""A tuning of a model that is not there: the doors to llama.cpp are stand-ins, and a machine says
what each configuration gives. Nothing is measured.
"""

import json
from pathlib import Path
from typing import NamedTuple

from support import reading

from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import gguf_models, llama_devices
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.llama_jobs import Contents
from haqa_bench.backends.quality_jobs import WINDOW, Counted
from haqa_bench.protocols import Outcome
from haqa_bench.run import study
from haqa_bench.tune import space, start, windows
from haqa_bench.tune.space import Options

SPEEDS = {"own": 50.0, "Q4_0": 70.0, "Q4_K_M": 90.0}
"""Tokens/s: of the three formats the fastest loses too much."""
LOST = {"own": 0.0, "Q4_0": 0.01, "Q4_K_M": 0.4}
"""Nats of divergence."""
SIZES = {"own": 800.0, "Q4_0": 500.0, "Q4_K_M": 550.0}


class Machine:
    """Measures in no time, and says so to `told` before each sample."""

    machine, whole = "a test machine", None

    def __init__(self, told=lambda: None, metered=True):
        self.told, self.metered = told, metered

    def measure(self, configuration):
        return self.sample(configuration, 0)

    def sample(self, configuration, repeat):
        self.told()
        name = configuration["format"]
        speed = SPEEDS[name] * (1.0 if configuration["n_threads"] > 1 else 0.6)
        found = [
            reading("end_to_end_tokens_per_s", "tokens/s", speed),
            reading("others_share", "1", 0.0),
            reading("peak_memory_mb", "MB", SIZES[name]),
        ]
        if self.metered:
            found.append(reading("energy_j_per_token", "J", 0.25))
        return Outcome((*found, *(_quality(name) if repeat == 0 else ())), {})


def _quality(name):
    lost = LOST[name]
    return (
        reading("bits_per_weight", "bits", 4.5),
        reading("kl_divergence", "nats", lost),
        reading("kl_perplexity", "perplexity", 2.718281828459045**lost),
        reading("same_first_token", "1", 1 - lost),
        reading("tokens_per_same", "1", 1 / (1 - lost)),
        reading("perplexity", "perplexity", 10 + lost),
    )


class Tuning(NamedTuple):
    """Where one lies, and the words of its command."""

    output: Path
    words: tuple[object, ...]

    @property
    def run(self) -> Path:
        return Path(self.recommendation["run"])

    @property
    def recommendation(self) -> dict:
        return json.loads((self.output / "recommendation.json").read_text("utf-8"))


def prepared(folder: Path, monkeypatch, machine: Machine) -> Tuning:
    """A tuning that can be begun: `machine` measures it."""
    model, text = folder / "m.gguf", folder / "text.txt"
    model.write_bytes(b"GGUF")
    text.write_text("some words")
    contents = Contents({"Q5_1": 1000}, {"Q5_1": 1000}, 1, 750, 800)
    memory = Prediction(500_000_000, 0, 0, 0, 0, 0, 0)
    own = {"own": Foreseen(memory, {"q5_1": 500}, {})}
    monkeypatch.setattr(gguf_models, "require_llama_cpp", lambda: None)
    monkeypatch.setattr(gguf_models.Formats, "contents", lambda *_: contents)
    monkeypatch.setattr(gguf_models.Formats, "path", lambda *_: model)
    monkeypatch.setattr(windows, "run_job", lambda *_: Counted(16 * WINDOW))
    monkeypatch.setattr(llama_devices, "listed", lambda: ((), ""))
    monkeypatch.setattr(space, "options", lambda *_: Options([*SPEEDS], {}, ""))
    monkeypatch.setattr(start, "predict", lambda *_: own)
    monkeypatch.setattr(study, "live_evaluator", lambda *_: machine)
    words = ("tune", model, "--output", folder / "out", "--text", text, "--budget", 5)
    return Tuning(folder / "out", words)
