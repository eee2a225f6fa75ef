"""The qat track: what hyperparameters of DoReFa's quantization-aware training give (paper: table
1).
"""

import importlib.util
import re
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from haqa_bench.backends.device import threads
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Reference, Whole
from haqa_bench.space import Configuration
from haqa_bench.tasks import images
from haqa_bench.tracks.qat.track import DEFAULTS
from haqa_bench.tracks.qat.workload import QatWorkload
from haqa_bench.tracks.repeats import estimated, repeated
from haqa_bench.tracks.training import ROUNDED

WORKER = "haqa_bench.tracks.qat.worker.train"
BIT_WIDTH = re.compile(r"w([1-8])a([1-8])", re.IGNORECASE)
FULL = 32


class QatEvaluator:
    """Trains and tries each configuration, in a process of its own.

    Metrics: valid_accuracy (%, on images held out of the training set), train_loss (nats, the last
    twentieth of the steps), train_s (s) and peak_memory_mb (10^6 bytes). A test gives test_accuracy
    (%, on the test set) instead.
    """

    whole: Whole | None = None

    def __init__(self, cell: Cell[QatWorkload]) -> None:
        if importlib.util.find_spec("torch") is None:
            raise HaqaError(
                "training", "torch is not installed", 'Install it with: pip install -e ".[train]"'
            )
        if (
            cell.model.network == "resnet50" or cell.workload.data == "imagenet"
        ) and importlib.util.find_spec("torchvision") is None:
            raise HaqaError(
                cell.id,
                "torchvision is not installed",
                "Install the one that fits your torch: pip install torchvision",
            )
        self.cell, self.workload, self.bits = cell, cell.workload, _bits(cell)

    @cached_property
    def data(self) -> images.Stored:
        """The images, decoded once."""
        return images.cifar10() if self.workload.data == "cifar10" else images.imagenet()

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        from haqa_bench.backends.machine import title

        return title(self.cell.hardware.kind)

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"data": self.data.about, "data_sha256": self.data.sha256}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. `repeat` is the seed of the weights, of the order of images and of what
        augments them.
        """
        return self._run(configuration, repeat, test=False)

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """See TestedEvaluator."""
        return self._run(configuration, repeat, test=True)

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return self._run(reference, repeat, test=True)

    def _run(self, configuration: Configuration | Reference, seed: int, test: bool) -> Outcome:
        started = time.perf_counter()
        try:
            result = run_job(WORKER, self._job(configuration, seed, test), self.workload.timeout_s)
        except EvaluationFailed as failure:
            failure.seconds = time.perf_counter() - started
            raise
        facts = {**result["facts"], "data": self.data.about, "items": str(result["items"])}
        if result["right"]:
            facts["test_accuracy"] = "".join(map(str, result["right"]))
        readings = {
            ("test_accuracy" if test else "valid_accuracy", "%"): [result["accuracy"]],
            ("train_loss", "nats"): [result["train_loss"]],
            ("peak_memory_mb", "MB"): [result["peak_bytes"] / 1e6],
        }
        return Outcome(estimated(readings), facts, time.perf_counter() - started)

    def _job(
        self, configuration: Configuration | Reference, seed: int, test: bool
    ) -> dict[str, Any]:
        reference = isinstance(configuration, Reference)
        chosen = self.cell.space.default if isinstance(configuration, Reference) else configuration
        return {
            "network": self.cell.model.network,
            "workload": self.workload.model_dump(),
            "settings": {**DEFAULTS, "epochs": self.workload.epochs, **chosen},
            "bits": (FULL, FULL) if reference else self.bits,
            "round_to": self.bits if configuration == ROUNDED else None,
            "data": str(self.data.path),
            "seed": seed,
            "test": test,
            "threads": threads(),
            "memory_bytes": int(self.workload.memory_gb * 1e9),
        }


def _bits(cell: Cell[QatWorkload]) -> tuple[int, int]:
    found = BIT_WIDTH.fullmatch(cell.bit_width)
    if found is None and cell.bit_width.upper() != "FP32":
        raise HaqaError(
            cell.id,
            f"no DoReFa quantizer of bit-width {cell.bit_width}",
            "Known: w1a1 to w8a8, such as w2a2; FP32",
        )
    return (int(found[1]), int(found[2])) if found else (FULL, FULL)
