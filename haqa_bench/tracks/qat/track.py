"""The qat track: hyperparameters of DoReFa's quantization-aware training (paper: table 1)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.cell import Block, Cell, Model
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator, Metric, Reference
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.metrics import PEAK_MEMORY, TRAIN_LOSS, by_name
from haqa_bench.tracks.qat import pretrained
from haqa_bench.tracks.qat.jobs import PAPERS, SCHEDULE, SETTINGS
from haqa_bench.tracks.qat.workload import Pinned, QatWorkload
from haqa_bench.tracks.training import FULL_PRECISION, ROUNDED, rules

UNQUANTIZED = "FP32"
CLASSES = {"cifar10": 10, "imagenet": 1000}
FALLS = {
    "constant": "stays as it is",
    "cosine": "falls to 0 as a cosine",
    "step": "falls to a tenth after 30, 60 and 90 % of the steps",
}
"""What becomes of the learning rate, by schedule."""


class Told(NamedTuple):
    """What a prompt tells of a network that is fine-tuned: its accuracy on the images held out in
    %, where it is known, and what becomes of the learning rate.
    """

    accuracy: str
    schedule: str


class QatTrack(Track[QatWorkload]):
    """See Track."""

    name = "qat"
    tuned = "DoReFa QAT"
    extras = ("train",)
    title = "Best hyperparameters found for quantization-aware training"
    workload = QatWorkload
    metrics = by_name(
        Metric("valid_accuracy", "%", "maximize", "on images held out of the training set", 2),
        Metric("test_accuracy", "%", "maximize", "on the test set", 2),
        TRAIN_LOSS,
        PEAK_MEMORY,
    )
    confirmed = "tests"
    published = "table1"

    def suffix(self, workload: QatWorkload) -> str:
        """See Track: what fine-tunes is another cell than what trains from nothing."""
        return self.name if workload.pretrained is None else f"{self.name}-pretrained"

    def check(self, block: Block[QatWorkload], name: str, model: Model) -> None:
        """See Track."""
        if model.network is None:
            raise ValueError(f"the model '{name}' is to be trained, but has no network")
        for paper, ours in PAPERS.items():
            if {paper, ours} <= block.space.root.keys():
                raise ValueError(f"space: {paper} and {ours} are one setting: leave one out")

    def settings(self, workload: QatWorkload) -> Collection[str]:
        """See Track."""
        return SETTINGS

    def pinned(self, workload: QatWorkload, model: Model, project: Path) -> QatWorkload:
        """See Track: the network that is fine-tuned."""
        return pretrained.pinned(workload, str(model.network), project)

    def evaluator(self, cell: Cell[QatWorkload]) -> LiveEvaluator:
        """See Track."""
        return self.evaluator_in(cell, Path())

    def evaluator_in(self, cell: Cell[QatWorkload], project: Path) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.qat.evaluator import QatEvaluator

        return QatEvaluator(cell, project)

    def references(self, cell: Cell[QatWorkload]) -> Sequence[Reference]:
        """See Track."""
        return () if cell.bit_width.upper() == UNQUANTIZED else (FULL_PRECISION, ROUNDED)

    def bits(self, cell: Cell[QatWorkload]) -> str:
        """See Track."""
        if cell.bit_width.upper() == UNQUANTIZED:
            return "float32, nothing quantized"
        ends = "" if cell.workload.quantize_ends else "; first and last layer in float32"
        return f"bits of weights and of activations, by DoReFa{ends}"

    def begins_with(self, cell: Cell[QatWorkload]) -> str:
        """See Track: the network that is fine-tuned."""
        begun = cell.workload.pretrained
        if begun is None:
            return ""
        if not isinstance(begun, Pinned):
            todo = f"haqa-bench pretrain {cell.model.network}"
            return f"fine-tunes a network of the set {begun}, which is not there yet: {todo}"
        known = begun.held_out_accuracy
        right = "" if known is None else f", right on {known:.2f} % of the images held out"
        return f"fine-tunes the network {begun.sha256[:12]} of the set {begun.set}{right}"

    def chance(self, cell: Cell[QatWorkload]) -> float:
        """See Track."""
        return 100 / CLASSES[cell.workload.data]

    def limits(self, workload: QatWorkload) -> str:
        """See Track."""
        return f"at most {workload.timeout_s:g} s and {workload.memory_gb:g} GB each"

    def words(self, cell: Cell[QatWorkload]) -> Mapping[str, object]:
        """See Track."""
        begun = cell.workload.pretrained
        if begun is None:
            return {"pretrained": None}
        known = begun.held_out_accuracy if isinstance(begun, Pinned) else None
        accuracy = "" if known is None else f"{known:.1f}"
        return {"pretrained": Told(accuracy, FALLS[cell.workload.schedule or SCHEDULE])}

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track."""
        return rules()


QAT = QatTrack()
