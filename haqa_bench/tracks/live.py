"""The evaluator that really runs a cell, by its track."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from haqa_bench.protocols import Evaluator
from haqa_bench.space import Configuration
from haqa_bench.suite import Cell
from haqa_bench.tracks.deploy import remote, roofline
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator, text_of
from haqa_bench.tracks.joint import evaluator as joint
from haqa_bench.tracks.kernel.evaluator import GGML, KernelEvaluator
from haqa_bench.tracks.memory import evaluator as memory
from haqa_bench.tracks.qat import evaluator as qat
from haqa_bench.tracks.qlora import evaluator as qlora
from haqa_bench.workloads import DeployWorkload, RooflineWorkload


class LiveEvaluator(Evaluator, Protocol):
    """An evaluator that runs the thing."""

    @property
    def made_of(self) -> Mapping[str, str]:
        """Hashes of what it runs, beside the configuration: a table or a sweep of another is
        another.
        """


def evaluator(cell: Cell, text: str) -> LiveEvaluator:
    """The live evaluator of a cell; `text` as `text_for` gives it.

    Raises:
        HaqaError: this machine lacks what it needs.
    """
    if cell.track == "qat":
        return qat.QatEvaluator(cell)
    if cell.track == "qlora":
        return qlora.QloraEvaluator(cell)
    if cell.track == "joint":
        return joint.JointEvaluator(cell)
    if cell.hardware.target and cell.track == "deploy":
        return remote.RemoteEvaluator(cell)
    if isinstance(cell.workload, RooflineWorkload):
        return roofline.RooflineEvaluator(cell)
    if cell.track == "memory":
        return memory.MemoryEvaluator(cell, memory.simulate(cell))
    return KernelEvaluator(cell) if cell.track == "kernel" else DeployEvaluator(cell, text)


def peers(cell: Cell) -> Sequence[Configuration]:
    """What is measured beside a cell's winners, where it is installed: another tool, or, where
    something is trained, references.
    """
    if cell.track == "qat":
        return () if cell.bit_width.upper() == "FP32" else (qat.FULL_PRECISION, qat.ROUNDED)
    if cell.track == "qlora":
        return (qlora.FULL_PRECISION, qlora.ROUNDED)
    fits = (
        cell.track == "kernel"
        and cell.hardware.kind == "cpu"
        and importlib.util.find_spec("llama_cpp")
    )
    return (GGML,) if fits else ()


def text_for(cell: Cell, suite_folder: Path) -> str:
    """What the cell's evaluator needs from the suite's folder.

    Raises:
        HaqaError: it is not there.
    """
    return text_of(cell, suite_folder) if isinstance(cell.workload, DeployWorkload) else ""
