"""Two small cells with a made-up device, on which plug-ins are tried: one whose space is lists of
choices, one whose space has ranges of all kinds, choices and a limit.
"""

import math
from pathlib import Path

from haqa_bench import suite
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration
from haqa_bench.study import Study
from haqa_bench.trial import Measurement, Source, Status

HARDWARE = """\
name: test-device
title: A device that is made up
kind: cpu
cores: {value: 2, unit: cores, source: made up}
memory: {value: 8, unit: GiB, source: made up}
bandwidth: {value: 20, unit: GB/s, source: made up}
native_formats: [fp32]
native_formats_source: made up
"""
SUITE = """\
name: contract
models:
  Net: {gguf: package:none, architecture: llama, parameters: 1000}
methods: [{name: default, optimizer: default}]
seeds: [0, 1]
cells:
  - track: deploy
    models: [Net]
    bit_widths: [INT4]
    hardware: [test-device]
    space:
      n_threads: {choices: [1, 2], default: 2}
      format: {choices: [Q4_0, Q4_1, IQ4_NL], default: Q4_1}
    workload: {}
    objective:
      metric: end_to_end_tokens_per_s
      unit: tokens/s
      constraints: [{metric: perplexity, at_most_times_default: 1.1}]
    budget: {proposals: 5}
"""
RANGES = """\
name: contract-ranges
models: {Net: {architecture: llama, parameters: 1000}}
methods: [{name: default, optimizer: default}]
seeds: [0, 1]
cells:
  - track: table
    models: [Net]
    bit_widths: [INT4]
    hardware: [test-device]
    workload:
      about: a training that is made up
      metrics:
        error: {unit: "%", direction: minimize}
        memory: {unit: MB, direction: minimize}
    space:
      learning_rate: {float: {low: 0.00001, high: 0.2, log: true}, default: 0.01}
      dropout: {float: {low: 0.0, high: 0.5, digits: 2}, default: 0.1}
      batch_size:
        int: {low: 4, high: 256, log: true}
        default: 32
        limit: {times: [layers], at_most: 1024, why: the device's memory}
      layers: {int: {low: 2, high: 12, step: 2}, default: 4}
      schedule: {choices: [constant, cosine, linear], default: constant}
    objective:
      metric: error
      constraints: [{metric: memory, at_most_times_default: 4.0}]
    budget: {proposals: 9}
"""


def small_studies(folder: Path) -> list[Study]:
    """Two studies, which differ in their seeds, of a cell with six configurations; written to
    `folder`.
    """
    return _studies(folder, "contract", SUITE)


def range_studies(folder: Path) -> list[Study]:
    """Two studies, which differ in their seeds, of a cell with ranges; written to `folder`."""
    return _studies(folder, "contract-ranges", RANGES)


def _studies(folder: Path, called: str, suite_text: str) -> list[Study]:
    for name, text in {
        f"suites/{called}.yaml": suite_text,
        "hardware/test-device.yaml": HARDWARE,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return suite.load(folder / f"suites/{called}.yaml", folder).studies()


class SmallDevice:
    """Measures the configurations of `small_studies` and of `range_studies`, made up: Q4_0 is the
    quickest and breaks the constraint, IQ4_NL with one thread crashes; a linear schedule with more
    than 8 layers crashes, and much memory breaks the constraint.
    """

    whole: Whole | None = None
    machine = "a device that is made up"

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return self.sample(configuration, 0)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        if "format" not in configuration:
            return Outcome(_trained(configuration), {}, 1.0)
        if dict(configuration) == {"format": "IQ4_NL", "n_threads": 1}:
            raise EvaluationFailed(Status.CRASHED, "exit code 1")
        name, threads = str(configuration["format"]), int(configuration["n_threads"])
        speed = {"Q4_0": 100.0, "Q4_1": 60.0, "IQ4_NL": 80.0}[name] * threads / 2
        perplexity = 23.0 if name == "Q4_0" else 20.0
        found = (
            _measured("end_to_end_tokens_per_s", "tokens/s", speed),
            _measured("perplexity", "1", perplexity),
        )
        return Outcome(found, {}, 1.0)


def _trained(configuration: Configuration) -> tuple[Measurement, ...]:
    rate, drop = float(configuration["learning_rate"]), float(configuration["dropout"])
    batch, layers = int(configuration["batch_size"]), int(configuration["layers"])
    if configuration["schedule"] == "linear" and layers > 8:
        raise EvaluationFailed(Status.CRASHED, "exit code 1")
    error = 10 + 4 * (math.log10(rate) + 3) ** 2 + 20 * (drop - 0.2) ** 2 + abs(layers - 8)
    error -= float(configuration["schedule"] == "cosine")
    return (
        _measured("error", "%", error),
        _measured("memory", "MB", float(batch * layers)),
    )


def _measured(name: str, unit: str, value: float) -> Measurement:
    source = Source.SIMULATED
    return Measurement(name=name, unit=unit, value=value, source=source, samples=(value,), used=1)
