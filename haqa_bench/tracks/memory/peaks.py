"""Peaks of real processes, each beside what was predicted of it: one process after the other fills
the context of a model, and the most memory that it ever had is read.

A peak does not depend on what the weights are, nor on how busy the machine is.
"""

import datetime
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import psutil

from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends import gguf_models, llama_cpp_memory, machine
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.store import facts
from haqa_bench.tracks.memory.workload import FormatName, MemoryWorkload


class Peak(NamedTuple):
    """What was predicted of a format, in bytes, by part; and the peaks that were measured, in
    bytes, or why none was. `told`: where and with what.
    """

    predicted: Prediction
    measured: tuple[int, ...]
    reason: str
    told: Mapping[str, str]

    @property
    def where(self) -> str:
        """Machine, day and build, in words."""
        build = self.told[facts.BUILD]
        return f"{self.told['machine']}, {self.told['measured']}, llama-cpp-python {build}"


def measure(cell: Cell[MemoryWorkload], name: FormatName) -> Peak:
    """Of as many processes as the cell's measurement protocol has; of none where the prediction
    does not fit this machine.

    Raises:
        HaqaError: the model is not there, or there is no room for its file.
        EvaluationFailed: llama.cpp refuses it.
    """
    formats, n_ctx = gguf_models.formats_of(cell.model), cell.workload.n_ctx
    header = formats.header(name)
    predicted = llama_cpp_memory.predict(header, [OWN], ONE_THREAD, n_ctx)[OWN].memory
    told = {**_here(), **({facts.WEIGHTS: "random"} if formats.random else {})}
    if not predicted.fits(room := psutil.virtual_memory().total):
        reason = f"not loaded: does not fit {room / 1e6:,.0f} MB: {predicted.arithmetic()}"
        return Peak(predicted, (), reason, told)
    there = _files(header.parent)
    path = formats.path(name)
    try:
        taken = [_peak(path, n_ctx) for _ in range(cell.measurement.processes)]
    finally:
        if formats.random and path not in there:
            path.unlink(missing_ok=True)  # many of gigabytes would fill the disk
    return Peak(predicted, tuple(taken), "", told)


def _peak(path: Path, n_ctx: int) -> int:
    try:
        return llama_cpp_memory.peak(path, ONE_THREAD, n_ctx)
    except EvaluationFailed as failure:
        if failure.status in (Status.OOM, Status.KILLED):
            reason = f"{failure.reason}: free some of this machine's memory, and run it again"
            raise EvaluationFailed(failure.status, reason) from None
        raise


def _files(folder: Path) -> set[Path]:
    return set(folder.glob("*.gguf"))


def _here() -> dict[str, str]:
    """Where, when, and with which build."""
    return {
        "machine": machine.title("cpu"),
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        facts.BUILD: version("llama-cpp-python"),
    }
