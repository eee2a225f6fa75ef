"""The memory track: under each limit, which bit-width fits (paper: table 5). All is simulated."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from haqa_bench.arithmetic.memory import MARGIN
from haqa_bench.cell import Block, Cell, Model, Workload
from haqa_bench.hardware import Hardware
from haqa_bench.parameters import Choices
from haqa_bench.protocols import Evaluator, LiveEvaluator, Metric
from haqa_bench.space import Configuration
from haqa_bench.tracks import Track
from haqa_bench.tracks.deploy.settings import lacking_dimensions
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload
from haqa_bench.tracks.metrics import by_name

BITS_PER_WEIGHT = {"F16": 16.0, "Q8_0": 8.5, "Q4_K_M": 4.85, "Q4_0": 4.55}
"""What llama.cpp's formats take for a model of billions of weights."""


class MemoryTrack(Track[MemoryWorkload]):
    """See Track."""

    name = "memory"
    tuned = "bit-width under a limit"
    extras = ("deploy",)
    title = "Bit-width chosen under a memory limit"
    workload = MemoryWorkload
    metrics = by_name(
        Metric("right_choices", "%", "maximize", "of the limits", 2),
        Metric("too_large", "%", "minimize", "of the limits: the choice would not fit", 2),
    )
    confirmed = "none"
    published = "table5"
    swept = False

    def suffix(self, workload: MemoryWorkload) -> str:
        """See Track: plans of another kind are other cells of the same model and hardware."""
        return self.name if workload.plan == "without_copies" else f"{self.name}-planned"

    def check(self, block: Block[MemoryWorkload], name: str, model: Model) -> None:
        """See Track: the space holds a decision under each limit, and nothing else."""
        lacking_dimensions(name, model)
        if block.workload.peaks and not (model.synthetic or model.gguf):
            raise ValueError(f"peaks: the model '{name}' is not synthetic, and has no gguf")
        wanted = [block.workload.within(limit) for limit in block.workload.limits_gb]
        if sorted(wanted) != sorted(block.space.root):
            raise ValueError(f"the space must hold one decision a limit: {', '.join(wanted)}")
        known = {*block.workload.bit_widths, NOTHING}
        for decision, parameter in block.space.root.items():
            if not isinstance(parameter, Choices):
                raise ValueError(f"{decision}: a decision has choices, not a range")
            for choice in parameter.choices:
                if choice not in known:
                    names = ", ".join(sorted(known))
                    raise ValueError(f"{decision}: {choice!r} is none of {names}")

    def simulates(self, workload: MemoryWorkload, hardware: Hardware) -> bool:
        """See Track."""
        return True

    def evaluator(self, cell: Cell[MemoryWorkload]) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.memory import evaluator, recording

        return evaluator.MemoryEvaluator(cell, recording.planned(cell))

    def recorded(self, cell: Cell[MemoryWorkload], path: Path) -> Evaluator:
        """See Track."""
        from haqa_bench.tracks.memory import evaluator, recording

        return evaluator.MemoryEvaluator(cell, recording.read(cell, path))

    def record(self, cell: Cell[MemoryWorkload], path: Path) -> None:
        """See Track: what each bit-width takes, and the peaks of real processes."""
        from haqa_bench.tracks.memory import recording

        recording.record(cell, path)

    def words(self, cell: Cell[MemoryWorkload]) -> Mapping[str, object]:
        """See Track."""
        return {"answer": ": one choice for each limit"}

    def answer(self, cell: Cell[MemoryWorkload]) -> Configuration:
        """See Track: under each limit the most precise format whose weights and cache fit with a
        margin, by the bits that a weight is known to take.
        """
        d, work = cell.model.dimensions, cell.workload
        head_size = d.get("head_size", d["hidden"] // d["heads"])
        cache = 2 * 2 * d["layers"] * d.get("kv_heads", d["heads"]) * head_size * work.n_ctx
        sizes = {
            f.bit_width: cell.model.parameters * BITS_PER_WEIGHT[f.format] / 8 + cache
            for f in work.formats
        }

        def fitting(limit_gb: float) -> str:
            safe = (b for b, size in sizes.items() if size * (1 + MARGIN) <= limit_gb * 1e9)
            return next(safe, NOTHING)

        return {work.within(limit): fitting(limit) for limit in work.limits_gb}


def is_memory(cell: Cell[Workload]) -> TypeGuard[Cell[MemoryWorkload]]:
    """Whether a cell is of this track."""
    return isinstance(cell.workload, MemoryWorkload)


MEMORY = MemoryTrack()
