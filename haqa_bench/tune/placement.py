"""Where a model's layers and experts lie on the devices of this machine, by llama.cpp's own plan:
as much as fits with a margin, and nothing beyond.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import LAYERS_MAX, OWN
from haqa_bench.backends import llama_devices
from haqa_bench.backends.llama_cpp_memory import plan_for_device
from haqa_bench.backends.llama_jobs import ONE_THREAD, Settings
from haqa_bench.documents import JsonObject
from haqa_bench.errors import EvaluationFailed
from haqa_bench.hardware import Device

LEFT = 0.9
"""The share of a device's memory that is planned with; the rest is the driver's and the screen's. A
guess. Not what is free now: the same tuning is to be the same tomorrow.
"""
DEFAULT = replace(ONE_THREAD, flash_attn="on")
MIB = 2**20


class Placement(NamedTuple):
    """The most that fits: layers on devices, the output counted as one; of how many layers the
    experts stay on the host; and whether the devices could also have equal shares.
    """

    layers: int = 0
    host_experts: int = 0
    evenly: bool = False
    devices: int = 1

    @property
    def space(self) -> JsonObject:
        """The settings that a tuning tries: never more on devices than fits."""
        found: JsonObject = {}
        if self.layers:
            choices = sorted({0, self.layers // 2, self.layers})
            about = "layers on the device, from the last on; the output is one"
            found["n_gpu_layers"] = {"choices": choices, "default": self.layers, "about": about}
        if self.host_experts:
            choices = sorted({self.host_experts, max(self.host_experts, self.layers - 1)})
            about = "layers, from the first on, whose experts stay on the CPU"
            found["n_cpu_moe"] = {"choices": choices, "default": choices[0], "about": about}
        if self.evenly:
            even = ",".join(["1"] * self.devices)
            about = "shares of the devices; empty: by their free memory"
            found["tensor_split"] = {"choices": ["", even], "default": "", "about": about}
        return found


NOWHERE = Placement()


class There(NamedTuple):
    """The devices of this machine, and what of a model is put on them."""

    devices: tuple[Device, ...] = ()
    placed: Placement = NOWHERE


ALONE = There()


def there(model: Path, n_ctx: int) -> There:
    """What there is here, and the most of a model that fits.

    Raises:
        HaqaError: the backend that the environment names cannot be loaded.
    """
    devices, _ = llama_devices.listed()
    return There(devices, that_fits(model, n_ctx, devices))


def that_fits(model: Path, n_ctx: int, devices: tuple[Device, ...]) -> Placement:
    """The most of a model that fits; nothing where no device is there, its memory is not told, or
    llama.cpp cannot plan the model.
    """
    rooms = {device.name: int(device.memory.value or 0) * MIB for device in devices}
    if not any(rooms.values()):
        return NOWHERE
    try:
        return _most(_Planner(model, n_ctx, rooms))
    except EvaluationFailed:
        return NOWHERE


class _Planner:
    """Plans a model for devices of so much memory."""

    def __init__(self, model: Path, n_ctx: int, rooms: Mapping[str, int]) -> None:
        self.model, self.n_ctx, self.rooms = model, n_ctx, rooms

    def plan(self, **settings: object) -> DevicePlan:
        """llama.cpp's plan of some settings."""
        asked: Settings = replace(DEFAULT, **settings)  # type: ignore[arg-type] # fields by name
        return plan_for_device(self.model, [OWN], asked, self.n_ctx)[OWN].memory

    def fits(self, plan: DevicePlan) -> bool:
        """Whether each device has room, with the margin, in the share that is planned with."""
        return all(share.safe <= LEFT * self.rooms.get(share.place, 0) for share in plan.devices)


def _most(planner: _Planner) -> Placement:
    every = planner.plan(n_gpu_layers=LAYERS_MAX)
    count, devices = sum(share.layers for share in every.devices), len(every.devices)
    if planner.fits(every):
        even = ",".join(["1"] * devices)
        evenly = devices > 1 and planner.fits(
            planner.plan(n_gpu_layers=LAYERS_MAX, tensor_split=even)
        )
        return Placement(count, 0, evenly, devices)
    without = planner.plan(n_gpu_layers=LAYERS_MAX, cpu_moe=True)
    if without.host.weights > every.host.weights and planner.fits(without):
        moved = _least(
            count,
            lambda n: planner.fits(planner.plan(n_gpu_layers=LAYERS_MAX, n_cpu_moe=n)),
        )
        return Placement(count, moved, False, devices)
    left = _least(count, lambda n: planner.fits(planner.plan(n_gpu_layers=count - n)))
    return Placement(count - left, 0, False, devices)


def _least(most: int, fits: Callable[[int], bool]) -> int:
    """The smallest number, up to `most`, that fits, where all larger ones do."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high
