"""A suite whose space has ranges, and a stand-in that trains nothing: tests of ranges share it."""

import json
import math
import shutil
from pathlib import Path

from endpoint import Endpoint, reply
from support import REPOSITORY

from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.protocols import Outcome, Reference
from haqa_bench.tracks.repeats import MeasuredHere, estimated

CELL = "resnet20-w4a4-epyc-zen4-2core-qat"
SUITE = """\
name: ranged
title: Fine-tuning over ranges
models:
  ResNet20: {network: resnet20, architecture: resnet, parameters: 272474}
methods:
  - {name: default, optimizer: default, seeds: [0]}
  - {name: full-precision, optimizer: fixed, options: {learning_rate: 0.1}, seeds: [0]}
  - {name: random, optimizer: random}
  - {name: tpe, optimizer: tpe}
  - {name: haqa, optimizer: haqa, seeds: [0], chat: {model: test-model, temperature: 0.0}}
seeds: [0, 1]
prices:
  test-model:
    usd_per_million_prompt_tokens: 1.0
    usd_per_million_completion_tokens: 1.0
    source: made up
cells:
  - track: qat
    models: [ResNet20]
    bit_widths: [w4a4]
    hardware: [epyc-zen4-2core]
    workload: {data: cifar10, images: 64, epochs: 1, held_out: 100, timeout_s: 300.0}
    measurement: {tests: 2}
    space:
      learning_rate: {float: {low: 0.00001, high: 0.2, log: true}, default: 0.01}
      batch_size: {int: {low: 32, high: 256, log: true}, default: 128}
      weight_decay: {float: {low: 0.000001, high: 0.1, log: true}, default: 0.0005}
      momentum: {float: {low: 0.5, high: 0.99}, default: 0.9}
      optimizer: {choices: [sgd, adam], default: sgd}
    objective: {metric: valid_accuracy, unit: "%", direction: maximize}
    budget: {proposals: 4}
"""


class Trains(MeasuredHere):
    """A made-up accuracy, best at a rate of 0.05; a rate above 0.15 diverges."""

    machine = "a test machine"

    def __init__(self, cell):
        self.cell, self.made_of = cell, {"data": "made up"}

    def sample(self, configuration, repeat):
        """See Evaluator."""
        return self._outcome(configuration, "valid_accuracy", repeat)

    def test(self, configuration, repeat):
        """See TestedEvaluator."""
        return self._outcome(configuration, "test_accuracy", repeat)

    def refer(self, reference, repeat):
        """See ReferenceEvaluator."""
        return self._outcome(self.cell.space.default, "test_accuracy", repeat)

    def _outcome(self, configuration, metric, repeat):
        if isinstance(configuration, Reference):
            configuration = self.cell.space.default
        rate = configuration["learning_rate"]
        if rate > 0.15:
            raise EvaluationFailed(Status.DIVERGED, "the loss is nan at step 3 of 8", 0.1)
        far = abs(math.log10(rate / 0.05)) + abs(configuration["momentum"] - 0.95)
        right = round(800 - 120 * far) + repeat % 3
        accuracy = right / 10
        readings = {
            (metric, "%"): [accuracy],
            ("train_loss", "nats"): [far + 0.3],
            ("peak_memory_mb", "MB"): [90.0],
        }
        told = {"items": "1000"}
        if metric == "test_accuracy":
            told["test_accuracy"] = "1" * right + "0" * (1000 - right)
        return Outcome(estimated(readings), told, 0.1)


def answer(rate: float) -> str:
    """What an LLM replies that proposes a rate."""
    action = {
        "learning_rate": rate,
        "batch_size": 64,
        "weight_decay": 0.0005,
        "momentum": 0.9,
        "optimizer": "sgd",
    }
    return json.dumps({"thought": "a guess", "action": action})


def measured(project: Path, cli, *options: object) -> Path:
    """The folder of a run of the suite that measured live and asked a scripted LLM."""
    replies = [reply(answer(rate)) for rate in (0.03, 0.06, 0.05)]
    with Endpoint(replies) as endpoint:
        live = ("--agent", "live", "--measure", "live", "--base-url", endpoint.base_url)
        where = ("--project", project, "--json", "--answered-by", "a script")
        done = cli("run", project / "suites/ranged.yaml", *live, *where, *options)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["folder"])


def ranged_project(folder: Path, text: str = SUITE) -> Path:
    """A project with the suite; hardware, prompts and published tables are the repository's."""
    for name in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "suites").mkdir()
    (folder / "suites" / "ranged.yaml").write_text(text)
    return folder
