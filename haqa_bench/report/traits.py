"""What a report asks of a cell's track."""

from typing import Literal

from haqa_bench.arithmetic.kernel_roofline import Work, work
from haqa_bench.space import key_of
from haqa_bench.suite import Cell
from haqa_bench.workloads import KernelWorkload, MemoryWorkload

TITLES = {
    "qat": "Best hyperparameters found for quantization-aware training",
    "qlora": "Best hyperparameters found for QLoRA fine-tuning",
    "kernel": "Shortest kernel times found, against the usual constants",
    "deploy": "Best end-to-end tokens/s found, against llama.cpp's default",
    "joint": "Best end-to-end tokens/s found under limits of loss and memory, fine-tuning and deployment in one loop",
}
PUBLISHED = {
    "qat": "table1",
    "qlora": "table2",
    "kernel": "table3",
    "deploy": "figure5",
    "joint": "joint",
}


def title(cell: Cell) -> str:
    return TITLES.get(cell.track, cell.track)


def published(cell: Cell) -> str:
    return PUBLISHED.get(cell.track, cell.track)


def confirmed(cell: Cell) -> Literal["pairs", "tests", "none"]:
    return "tests" if cell.track in ("qat", "qlora") else "pairs"


def part(cell: Cell) -> str:
    """The part of a model that it is of, such as a kernel; empty for the whole."""
    return cell.workload.kernel if isinstance(cell.workload, KernelWorkload) else ""


def work_of(cell: Cell) -> Work | None:
    if not isinstance(cell.workload, KernelWorkload):
        return None
    return work(cell.workload.kernel, cell.bit_width, cell.workload.sizes)


def decides_bits(cell: Cell) -> bool:
    return cell.track == "deploy" and cell.bit_width == "any" and cell.objective.unit == "tokens/s"


def limits(cell: Cell) -> MemoryWorkload | None:
    return cell.workload if isinstance(cell.workload, MemoryWorkload) else None


def simulated(cell: Cell) -> bool:
    return cell.simulated


def walked(cell: Cell) -> bool:
    return cell.track != "memory"


def place(name: str) -> int:
    order = list(PUBLISHED.values())
    return order.index(name) if name in order else len(order)


def has_published(cell: Cell) -> bool:
    return cell.track in PUBLISHED


def peer(cell: Cell) -> str:
    """How the pairs of its peer are recorded."""
    return key_of({"peer": "ggml"})
