"""The qat track: what hyperparameters of DoReFa's quantization-aware training give (paper: table
1).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from haqa_bench.backends.device import threads
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.installed import extra, require
from haqa_bench.protocols import Outcome, Reference, Subject
from haqa_bench.space import Configuration
from haqa_bench.store import facts
from haqa_bench.tasks import images
from haqa_bench.tracks.qat import pretrained
from haqa_bench.tracks.qat.jobs import Settings, Train, with_defaults
from haqa_bench.tracks.qat.workload import QatWorkload
from haqa_bench.tracks.repeats import MeasuredHere, estimated, timed
from haqa_bench.tracks.training import ROUNDED

BIT_WIDTH = re.compile(r"w([1-8])a([1-8])", re.IGNORECASE)
FULL = 32


class QatEvaluator(MeasuredHere):
    """Trains and tries each configuration, in a process of its own.

    Metrics: valid_accuracy (%, on images held out of the training set), train_loss (nats, the last
    twentieth of the steps), train_s (s) and peak_memory_mb (10^6 bytes). A test gives test_accuracy
    (%, on the test set) instead.
    """

    def __init__(self, cell: Cell[QatWorkload], project: Path = Path()) -> None:
        require("torch", "training", extra("train"))
        if cell.model.network == "resnet50" or cell.workload.data == "imagenet":
            require("torchvision", cell.id, extra("train"))
        self.cell, self.workload, self.bits = cell, cell.workload, _bits(cell)
        self.begun = pretrained.required(cell.workload, str(cell.model.network), project)

    @cached_property
    def data(self) -> images.Stored:
        """The images, decoded once.

        Raises:
            HaqaError: they are missing or damaged; or not those that the network which is
            fine-tuned was trained on, whose images held out are others.
        """
        found = images.named(self.workload.data)
        if self.begun and self.begun.card.data_sha256 != found.sha256:
            what = f"was trained on other files: {self.begun.card.about}; these: {found.about}"
            raise HaqaError(self.begun.path, what, "Give its data, or train it anew on these")
        return found

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        made = {"data": self.data.about, "data_sha256": self.data.sha256}
        return made | ({"pretrained_sha256": self.begun.card.sha256} if self.begun else {})

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. `repeat` is the seed of the weights, of the order of images and of what
        augments them.
        """
        return timed(lambda: self._run(configuration, repeat, test=False))

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """See TestedEvaluator."""
        return timed(lambda: self._run(configuration, repeat, test=True))

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return timed(lambda: self._run(reference, repeat, test=True))

    def _run(self, configuration: Subject, seed: int, test: bool) -> Outcome:
        found = run_job(self._job(configuration, seed, test), self.workload.timeout_s)
        told = {**found.facts, "data": self.data.about, "items": str(found.items)}
        if test:
            told |= facts.of_answers("test_accuracy", found.right)
        readings = {
            ("test_accuracy" if test else "valid_accuracy", "%"): [found.accuracy],
            ("peak_memory_mb", "MB"): [found.peak_bytes / 1e6],
        }
        if found.train_loss is not None:
            readings["train_loss", "nats"] = [found.train_loss]
        return Outcome(estimated(readings), told)

    def _job(self, configuration: Subject, seed: int, test: bool) -> Train:
        work, reference = self.workload, isinstance(configuration, Reference)
        return Train(
            memory_bytes=int(work.memory_gb * 1e9),
            network=str(self.cell.model.network),
            data=work.data,
            path=str(self.data.path),
            images=work.images,
            held_out=work.held_out,
            rescale_weights=work.rescale_weights,
            quantize_ends=work.quantize_ends,
            settings=self._settings(configuration),
            bits=(FULL, FULL) if reference else self.bits,
            round_to=self.bits if configuration == ROUNDED else None,
            pretrained=self.begun.weights if self.begun else None,
            seed=seed,
            test=test,
            threads=threads(),
        )

    def _settings(self, configuration: Subject) -> Settings:
        """How it is trained. A reference is the default, unquantized; or, where there is a network
        of full precision, that one, not trained any more.
        """
        of_workload: dict[str, object] = {"epochs": self.workload.epochs}
        if self.workload.schedule:
            of_workload["schedule"] = self.workload.schedule
        if not isinstance(configuration, Reference):
            return with_defaults(configuration, **of_workload)
        found = with_defaults(self.cell.space.default, **of_workload)
        return replace(found, epochs=0.0) if self.begun else found


def _bits(cell: Cell[QatWorkload]) -> tuple[int, int]:
    found = BIT_WIDTH.fullmatch(cell.bit_width)
    if found is None and cell.bit_width.upper() != "FP32":
        raise HaqaError(
            cell.id,
            f"no DoReFa quantizer of bit-width {cell.bit_width}",
            "Known: w1a1 to w8a8, such as w2a2; FP32",
        )
    return (int(found[1]), int(found[2])) if found else (FULL, FULL)
