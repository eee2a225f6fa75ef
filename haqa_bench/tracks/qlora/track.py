"""The qlora track: hyperparameters of QLoRA fine-tuning (paper: table 2)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TypeGuard

from haqa_bench.cell import Block, Cell, Model, Workload
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator, Metric, Reference
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.metrics import HELD_OUT_LOSS, PEAK_MEMORY, TRAIN_LOSS, by_name
from haqa_bench.tracks.qlora.jobs import SETTINGS
from haqa_bench.tracks.qlora.workload import QloraWorkload
from haqa_bench.tracks.training import FULL_PRECISION, ROUNDED, rules

BITS: Mapping[str, int] = {"INT4": 4, "INT8": 8}
"""Bits of a weight by bit-width, as bitsandbytes quantizes: NF4 and LLM.int8."""
AVERAGE = "average_accuracy"
QUANTIZED = {
    "INT4": "linear layers in NF4 with double quantization, 4.13 bits a weight",
    "INT8": "linear layers in LLM.int8, 8 bits a weight",
}
"""What bitsandbytes makes of them: 4 bits, 8 for each block of 64, 32 for each 256 of those."""
ANSWERS = {
    "boolq": 2,
    "rte": 2,
    "winogrande": 2,
    "openbookqa": 4,
    "arc_challenge": 4,
    "arc_easy": 4,
    "hellaswag": 4,
    "mathqa": 5,
}
"""How many answers an item of each task offers."""


class QloraTrack(Track[QloraWorkload]):
    """See Track."""

    name = "qlora"
    tuned = "QLoRA"
    extras = ("train", "deploy")
    title = "Best hyperparameters found for QLoRA fine-tuning"
    workload = QloraWorkload
    metrics = by_name(
        HELD_OUT_LOSS,
        TRAIN_LOSS,
        PEAK_MEMORY,
        Metric(AVERAGE, "%", "maximize", "the mean of the tasks' accuracies", 2),
    )
    confirmed = "tests"
    published = "table2"

    def check(self, block: Block[QloraWorkload], name: str, model: Model) -> None:
        """See Track."""
        if model.transformers is None and model.gguf is None:
            what = "is to be fine-tuned, but has neither transformers nor gguf"
            raise ValueError(f"the model '{name}' {what}")
        work, goals = block.workload, block.objective.goals
        asks = any(goal.metric == AVERAGE for goal in goals)
        if asks and (work.items is None or work.tuning_items is None):
            what = "is tuned on items that do not test: workload needs items and tuning_items"
            raise ValueError(f"{AVERAGE} {what}")

    def settings(self, workload: QloraWorkload) -> Collection[str]:
        """See Track."""
        return SETTINGS

    def evaluator(self, cell: Cell[QloraWorkload]) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.qlora.evaluator import QloraEvaluator

        return QloraEvaluator(cell)

    def references(self, cell: Cell[QloraWorkload]) -> Sequence[Reference]:
        """See Track."""
        return (FULL_PRECISION, ROUNDED)

    def bits(self, cell: Cell[QloraWorkload]) -> str:
        """See Track."""
        quantized = QUANTIZED.get(cell.bit_width)
        return f"{quantized}; all else in {cell.workload.compute}" if quantized else ""

    def chance(self, cell: Cell[QloraWorkload]) -> float | None:
        """See Track."""
        known = [100 / ANSWERS[task] for task in cell.workload.tasks if task in ANSWERS]
        return fmean(known) if len(known) == len(cell.workload.tasks) else None

    def limits(self, workload: QloraWorkload) -> str:
        """See Track."""
        return f"at most {workload.timeout_s:g} s and {workload.memory_gb:g} GB each"

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track."""
        return rules()


def is_qlora(cell: Cell[Workload]) -> TypeGuard[Cell[QloraWorkload]]:
    """Whether a cell is of this track."""
    return isinstance(cell.workload, QloraWorkload)


QLORA = QloraTrack()
