"""A cell whose budget is in epochs, and a formula in place of its trainings: for tests and for
benchmarks/halving.py.
"""

import math

from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome
from haqa_bench.trial import Measurement, Source, Status

RANGES = """\
name: ranges
models: {Net: {network: resnet20, architecture: cnn, parameters: 1000}}
methods:
  - {name: random, optimizer: random}
  - {name: asha, optimizer: asha}
  - {name: hyperband, optimizer: hyperband}
seeds: [0, 1]
cells:
  - track: qat
    models: [Net]
    bit_widths: [w4a4]
    hardware: [epyc-zen4-2core]
    space:
      learning_rate: {float: {low: 0.00001, high: 1.0, log: true}, default: 0.001}
      momentum: {float: {low: 0.0, high: 0.99}, default: 0.9}
      epochs: {int: {low: 1, high: 27}, default: 27}
    workload: {data: cifar10, epochs: 1}
    objective: {metric: valid_accuracy}
    budget: {proposals: 60, resource: {parameter: epochs, at_most: 108}}
"""


class Falling:
    """Trains nothing: the loss falls with epochs to where learning rate and momentum let it, and
    what is better in the end is mostly better early. A rate above 0.5 diverges in its first epoch.
    """

    whole = None
    machine = "a formula"

    def measure(self, configuration):
        epochs, rate = configuration["epochs"], configuration["learning_rate"]
        if rate > 0.5:
            raise EvaluationFailed(
                Status.DIVERGED, "the loss is nan", 1.0, {"steps": "1", "planned_steps": "270"}
            )
        loss = self.at_the_end(configuration) + 2.0 * math.exp(-epochs / 3) + self.noise(rate)
        value = Measurement(
            name="valid_accuracy",
            value=100 - 10 * loss,
            unit="%",
            source=Source.SIMULATED,
            samples=(100 - 10 * loss,),
            used=1,
        )
        return Outcome((value,), {}, float(epochs))

    def at_the_end(self, configuration):
        away = math.log10(configuration["learning_rate"]) + 2
        return 0.1 + 0.3 * away**2 + 2 * (configuration["momentum"] - 0.8) ** 2

    def noise(self, rate):
        """Of a configuration: early ranks are not quite the late ones."""
        return 0.1 * math.sin(1e6 * rate)
