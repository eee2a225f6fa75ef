"""How many layers of a model fit the devices of this machine, by llama.cpp's own plan."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import LAYERS_MAX, OWN
from haqa_bench.backends.llama_cpp_memory import plan_for_device
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.errors import EvaluationFailed
from haqa_bench.hardware import Device

LEFT = 0.9
"""The share of a device's memory that is planned with; the rest is the driver's and the screen's. A
guess. Not what is free now: the same tuning is to be the same tomorrow.
"""
DEFAULT = replace(ONE_THREAD, flash_attn="on")
MIB = 2**20


def that_fit(model: Path, n_ctx: int, devices: tuple[Device, ...]) -> int:
    """The most layers, the output counted as one, that fit; 0 where no device is there, its memory
    is not told, or llama.cpp cannot plan the model.
    """
    rooms = {device.name: int(device.memory.value or 0) * MIB for device in devices}
    if not any(rooms.values()):
        return 0
    try:
        return _most(model, n_ctx, rooms)
    except EvaluationFailed:
        return 0


def _most(model: Path, n_ctx: int, rooms: Mapping[str, int]) -> int:
    every = _plan(model, n_ctx, LAYERS_MAX)
    count = sum(share.layers for share in every.devices)
    if _fits(every, rooms):
        return count
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fits(_plan(model, n_ctx, middle), rooms) else (low, middle)
    return low


def _plan(model: Path, n_ctx: int, layers: int) -> DevicePlan:
    settings = replace(DEFAULT, n_gpu_layers=layers)
    return plan_for_device(model, [OWN], settings, n_ctx)[OWN].memory


def _fits(plan: DevicePlan, rooms: Mapping[str, int]) -> bool:
    return all(share.safe <= LEFT * rooms.get(share.place, 0) for share in plan.devices)
