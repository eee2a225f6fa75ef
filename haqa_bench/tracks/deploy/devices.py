"""Which device a cell of the deploy track runs on: this machine, another, or a declared model."""

from typing import TypeGuard

from haqa_bench.cell import Cell
from haqa_bench.protocols import LiveEvaluator
from haqa_bench.tracks.deploy.cost import cost
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator
from haqa_bench.tracks.deploy.remote import RemoteEvaluator
from haqa_bench.tracks.deploy.roofline import RooflineEvaluator
from haqa_bench.tracks.deploy.workload import DeployWorkload, RooflineWorkload

AnyCell = Cell[DeployWorkload | RooflineWorkload]


def evaluator(cell: AnyCell) -> LiveEvaluator:
    """What runs the cell: by its workload, and by the target of its hardware's profile."""
    if _is_declared(cell):
        return RooflineEvaluator(cell)
    assert _is_run(cell)
    return RemoteEvaluator(cell) if cell.hardware.target else DeployEvaluator(cell)


def forecast(cell: AnyCell) -> str:
    """What measuring the cell on a CPU will take, in words; empty where that is not known."""
    found = cost(cell) if _is_run(cell) and cell.hardware.kind == "cpu" else None
    return found.words(cell.workload.memory_gb) if found and _is_run(cell) else ""


def _is_declared(cell: AnyCell) -> TypeGuard[Cell[RooflineWorkload]]:
    return isinstance(cell.workload, RooflineWorkload)


def _is_run(cell: AnyCell) -> TypeGuard[Cell[DeployWorkload]]:
    return isinstance(cell.workload, DeployWorkload)
