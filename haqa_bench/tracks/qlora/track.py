"""The qlora track: hyperparameters of QLoRA fine-tuning (paper: table 2)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TypeGuard

from haqa_bench.cell import Block, Cell, Model, Workload
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator, Metric, Reference
from haqa_bench.space import SearchSpace
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.deploy.settings import refuse_synthetic
from haqa_bench.tracks.metrics import HELD_OUT_LOSS, PEAK_MEMORY, TRAIN_LOSS, by_name
from haqa_bench.tracks.qlora.jobs import SETTINGS
from haqa_bench.tracks.qlora.workload import QloraWorkload
from haqa_bench.tracks.training import FULL_PRECISION, ROUNDED, rules

BITS: Mapping[str, int] = {"INT4": 4, "INT8": 8}
"""Bits of a weight by bit-width, as bitsandbytes quantizes: NF4 and LLM.int8."""
AVERAGE = "average_accuracy"
ACC, STDERR = "_acc", "_acc_stderr"
"""How the names of a task's metrics end."""
MAX_STEPS = "max_steps"
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

    def metrics_of(self, workload: QloraWorkload) -> Mapping[str, Metric]:
        """See Track."""
        if workload.feedback != "tasks":
            return self.metrics
        return {**self.metrics, **by_name(*_of_tasks(workload.tasks))}

    def check(self, block: Block[QloraWorkload], name: str, model: Model) -> None:
        """See Track."""
        refuse_synthetic(name, model)
        if model.transformers is None and model.gguf is None:
            what = "is to be fine-tuned, but has neither transformers nor gguf"
            raise ValueError(f"the model '{name}' {what}")
        check_length(block.space, block.workload)
        _check_feedback(block)

    def tuned_on_tests(self, workload: QloraWorkload) -> bool:
        """See Track."""
        return workload.feedback == "tasks"

    def suffix(self, workload: QloraWorkload) -> str:
        """See Track. Both ways of feedback may stand in one suite."""
        return f"{self.name}-tasks" if self.tuned_on_tests(workload) else self.name

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


def check_length(space: SearchSpace, work: QloraWorkload) -> None:
    """Raises ValueError where nothing, or two things, say how long a training is."""
    asked = MAX_STEPS in space.root
    if not asked and work.examples is None:
        what = "how many examples a training sees (or give the space max_steps)"
        raise ValueError(f"workload: examples is missing: {what}")
    if asked and work.examples is not None:
        what = "has no effect, since max_steps of the space decides: leave it out"
        raise ValueError(f"workload: examples {what}")


def _check_feedback(block: Block[QloraWorkload]) -> None:
    """Raises ValueError for an objective that what is fed back does not hold."""
    work = block.workload
    named = {goal.metric for goal in block.objective.goals}
    named |= {constraint.metric for constraint in block.objective.constraints}
    if work.feedback == "tasks":
        if HELD_OUT_LOSS.name in named:
            what = "with feedback: tasks no loss is measured"
            raise ValueError(f"objective: {HELD_OUT_LOSS.name}: {what}: tune {AVERAGE}")
        if work.tuning_items is not None:
            what = "are other items than those of the tests, which feedback: tasks shows"
            raise ValueError(f"workload: tuning_items {what}: leave one of them out")
    elif AVERAGE in named and (work.items is None or work.tuning_items is None):
        what = "is tuned on items that do not test: workload needs items and tuning_items"
        raise ValueError(f"{AVERAGE} {what} (or, as the paper, feedback: tasks)")


def _of_tasks(tasks: Sequence[str]) -> Iterator[Metric]:
    """What is fed back of each task."""
    for task in tasks:
        yield Metric(f"{task}{ACC}", "%", "maximize", f"acc of {task}", 2, prompted=True)
        about = f"standard error of {task}'s acc"
        yield Metric(f"{task}{STDERR}", "%", None, about, 2, prompted=True)


def is_qlora(cell: Cell[Workload]) -> TypeGuard[Cell[QloraWorkload]]:
    """Whether a cell is of this track."""
    return isinstance(cell.workload, QloraWorkload)


QLORA = QloraTrack()
