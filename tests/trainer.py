"""A cell whose space has ranges, and what measures it without training: quickly, and the same again
for the same configuration.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from haqa_bench import suite
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.protocols import Outcome
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.suite import Suite
from haqa_bench.tracks.repeats import estimated

RANGES = """\
name: ranges
models:
  Net: {network: resnet20, architecture: resnet, parameters: 272474}
methods:
  - {name: default, optimizer: default}
  - {name: random, optimizer: random}
  - {name: local, optimizer: local}
  - {name: gp, optimizer: gp}
  - {name: tpe, optimizer: tpe}
seeds: [0]
cells:
  - track: qat
    models: [Net]
    bit_widths: [w2a2]
    hardware: [epyc-zen4-2core]
    space:
      learning_rate: {float: {low: 0.0001, high: 1.0, log: true}, default: 0.1}
      batch_size: {int: {low: 8, high: 64, step: 8}, default: 32}
      schedule: {choices: [cosine, constant], default: cosine}
    workload: {data: cifar10, images: 64, epochs: 1, held_out: 100, timeout_s: 300.0}
    measurement: {tests: 2}
    objective: {metric: valid_accuracy, unit: "%", direction: maximize}
    budget: {proposals: 6}
"""
CELL = "net-w2a2-epyc-zen4-2core-qat"


class Trainer:
    """Accuracy is best at a rate of 0.01; a rate above 0.2 diverges. `called` hears of each
    training, which may kill the process.
    """

    whole = None
    machine = "a test machine"
    made_of: Mapping[str, str] = {"data_sha256": "d"}

    def __init__(self, called: Callable[[Mapping], None] = lambda _: None):
        self.called, self.calls = called, []

    def measure(self, configuration):
        self.calls.append(dict(configuration))
        self.called(configuration)
        return self._trained(configuration, "valid_accuracy")

    def sample(self, configuration, repeat):
        return self._trained(configuration, "valid_accuracy")

    def test(self, configuration, repeat):
        return _tested(int(self._trained(configuration, "valid_accuracy").measurements[0].value))

    def refer(self, reference, repeat):
        return _tested(90)

    def _trained(self, configuration, metric):
        rate = configuration["learning_rate"]
        if rate > 0.2:
            raise EvaluationFailed(Status.DIVERGED, "the loss is nan at step 3 of 9", 2.5)
        accuracy = 80 - 10 * abs(math.log10(rate / 0.01)) + configuration["batch_size"] / 64
        readings = {(metric, "%"): [accuracy], ("train_loss", "nats"): [accuracy / 100, 0.5]}
        return Outcome(estimated(readings), {"learning_curve": "1:2.0 2:1.5"}, 12.0)


def _tested(right):
    """So many of a hundred items are right."""
    items = "1" * right + "0" * (100 - right)
    return Outcome(estimated({("test_accuracy", "%"): [float(right)]}), {"test_accuracy": items})


class Unheld(Serial):
    """Lets others measure at the same time."""

    def hold(self, plan):
        return nullcontext()


def loaded(project: Path, text: str = RANGES) -> Suite:
    """The suite of ranges in a project."""
    path = project / "suites" / "ranges.yaml"
    path.write_text(text)
    return suite.load(path, project)


def planned(project: Path, text: str = RANGES, **changes: object) -> Plan:
    """A plan of the suite of ranges."""
    found = loaded(project, text)
    return Plan(found, project, found.studies(), **changes)
