"""What a cell's model takes at each bit-width, as llama.cpp on this machine plans it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tracks.memory.workload import MemoryWorkload

Size = Prediction | DevicePlan
ON_DEVICE = replace(ONE_THREAD, n_gpu_layers=-1)
WITHOUT_COPIES = replace(ONE_THREAD, mmap=False)


def is_of_device(cell: Cell[MemoryWorkload]) -> bool:
    """Whether a device's memory is planned, and not a process'."""
    return cell.workload.plan == "hardware" and cell.hardware.kind != "cpu"


def simulate(cell: Cell[MemoryWorkload], n_ctx: int) -> dict[str, Size]:
    """By bit-width, with a context of `n_ctx` tokens.

    Raises:
        HaqaError: llama.cpp is not here, or refuses the model.
    """
    gguf_models.require_llama_cpp()
    names = [f.format for f in cell.workload.formats]
    try:
        with _file(cell) as path:
            found = _planned(cell, path, names, n_ctx)
    except EvaluationFailed as failure:
        raise HaqaError(cell.id, failure.reason, "Check the model's dimensions") from None
    return {f.bit_width: found[f.format] for f in cell.workload.formats}


def _planned(
    cell: Cell[MemoryWorkload], path: Path, names: Sequence[str], n_ctx: int
) -> Mapping[str, Size]:
    """By llama.cpp's name of the format."""
    if is_of_device(cell):
        plans = llama_cpp_memory.plan_for_device(path, names, ON_DEVICE, n_ctx, cell.hardware.name)
        return {name: plan.memory for name, plan in plans.items()}
    settings, outputs = ONE_THREAD, 1
    if cell.workload.plan == "without_copies":
        settings = WITHOUT_COPIES
        # a GPU reserves what it may need, a CPU touches what it uses
        outputs = 1 if cell.hardware.kind == "cpu" else settings.n_ubatch
    found = llama_cpp_memory.predict(path, names, settings, n_ctx, outputs)
    return {name: one.memory for name, one in found.items()}


@contextmanager
def _file(cell: Cell[MemoryWorkload]) -> Iterator[Path]:
    """A file of the model's sizes, without weights; with its tokenizer, where one is made."""
    if cell.model.synthetic:
        yield gguf_models.formats_of(cell.model).header("F16")
        return
    with llama_cpp_memory.hollow(cell.model.dimensions, cell.model.architecture) as path:
        yield path
