"""Where a model's layers and experts lie on the devices of this machine, by llama.cpp's own plan:
as much as fits with a margin, and nothing beyond.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import LAYERS_MAX, OWN
from haqa_bench.backends import llama_devices
from haqa_bench.backends.llama_cpp_memory import Devised, plan_for_device
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
    """What of a model in one format fits: `layers` on devices, the output counted as one, where the
    experts of the first `host_experts` layers stay on the host; layers `whole`, with all of their
    experts; and layers `even`, in equal shares of several devices. `plan` is llama.cpp's.
    """

    layers: int = 0
    host_experts: int = 0
    whole: int = 0
    even: int = 0
    plan: DevicePlan | None = None

    @property
    def host(self) -> Share | None:
        """What is left for the host; not planned where nothing is put on devices."""
        return self.plan.host if self.plan else None

    @property
    def share(self) -> float:
        """The share of the weights that lies on devices."""
        if self.plan is None:
            return 0.0
        there = sum(share.weights for share in self.plan.devices)
        return there / max(1, there + self.plan.host.weights)


class Placed(NamedTuple):
    """The most of a model that fits, by format; how many layers it has, and devices there are."""

    formats: Mapping[str, Placement]
    every: int = 0
    devices: int = 1

    def of(self, name: str) -> Placement:
        """The most that fits in a format."""
        return self.formats.get(name, Placement())

    @property
    def layers(self) -> int:
        """The most layers of any format."""
        return max((one.layers for one in self.formats.values()), default=0)

    def space(self, formats: Sequence[str]) -> JsonObject:
        """The settings that a tuning of these formats tries, the first the default: never more on
        devices than fits in the format that is tried.
        """
        tried, default = {name: self.of(name) for name in formats}, self.of(formats[0])
        most = max(one.layers for one in tried.values())
        if not most:
            return {}
        found = {**_experts(tried, default), **self._split(tried)}
        choices = {0, default.layers // 2, *(one.layers for one in tried.values())}
        about = "layers on the device, from the last on; the output is one"
        layers = {"choices": sorted(choices), "default": default.layers, "about": about}
        limits = [*_limits(tried, found, most)]
        return {"n_gpu_layers": layers | ({"limit": limits} if limits else {}), **found}

    def _split(self, tried: Mapping[str, Placement]) -> JsonObject:
        """Equal shares, where all of a format fits so."""
        if self.devices < 2 or all(one.even < self.every for one in tried.values()):
            return {}
        choices = ["", ",".join(["1"] * self.devices)]
        about = "shares of the devices; empty: by their free memory"
        return {"tensor_split": {"choices": choices, "default": "", "about": about}}


def _experts(tried: Mapping[str, Placement], default: Placement) -> JsonObject:
    """Whose experts stay on the host, where those of some layers have to in one of the formats."""
    fewest = {one.host_experts for one in tried.values()}
    if not any(fewest):
        return {}
    choices = sorted(fewest | {max(*fewest, *(one.layers - 1 for one in tried.values()))})
    about = "layers, from the first on, whose experts stay on the CPU"
    return {"n_cpu_moe": {"choices": choices, "default": default.host_experts, "about": about}}


class _Bound(NamedTuple):
    """The most layers that may lie on devices; where a `setting` is named, only with its values."""

    at_most: int
    setting: str = ""
    values: tuple[int | str, ...] = ()


def _limits(tried: Mapping[str, Placement], others: JsonObject, most: int) -> Iterator[JsonObject]:
    """How many layers may lie on devices in formats of which not all may, each bound once."""
    bounds: dict[_Bound, list[str]] = {}
    for name, one in tried.items():
        for bound in _bounds(one, others):
            if bound.at_most < most:
                bounds.setdefault(bound, []).append(name)
    for bound, names in bounds.items():
        where = {bound.setting: list(bound.values)} if bound.setting else {}
        why = "more do not fit, by llama.cpp's plan"
        yield {"at_most": bound.at_most, "when": {"format": names, **where}, "why": why}


def _bounds(one: Placement, others: JsonObject) -> Iterator[_Bound]:
    """Those of a format: its most, and with other settings, with which fewer fit."""
    yield _Bound(one.layers)
    if "n_cpu_moe" in others:
        fewer = tuple(n for n in others["n_cpu_moe"]["choices"] if n < one.host_experts)
        yield from [_Bound(one.whole, "n_cpu_moe", fewer)] if fewer else []
    if "tensor_split" in others and one.even < one.layers:
        _, evenly = others["tensor_split"]["choices"]
        yield _Bound(one.even, "tensor_split", (evenly,))


NOWHERE = Placed({})


class There(NamedTuple):
    """The devices of this machine, and what of a model is put on them; where there is none, why."""

    devices: tuple[Device, ...] = ()
    placed: Placed = NOWHERE
    note: str = ""

    def share(self, name: str) -> float:
        """The share of a format's weights that lies on a GPU with memory of its own. None is on one
        that shares the host's, or that is software: those are not as fast.
        """
        quick = any(one.kind == "gpu" and not one.software for one in self.devices)
        return self.placed.of(name).share if quick else 0.0


ALONE = There()


def there(model: Path, n_ctx: int, formats: Sequence[str]) -> There:
    """What there is here, and the most of a model that fits in each of the formats.

    Raises:
        HaqaError: the backend that the environment names cannot be loaded.
    """
    devices, note = llama_devices.listed()
    return There(devices, that_fits(model, n_ctx, devices, formats), note)


def that_fits(
    model: Path, n_ctx: int, devices: tuple[Device, ...], formats: Sequence[str] = (OWN,)
) -> Placed:
    """The most of a model that fits, by format; nothing where no device is there, its memory is not
    told, or llama.cpp cannot plan the model.
    """
    rooms = {device.name: int(device.memory.value or 0) * MIB for device in devices}
    if not any(rooms.values()):
        return NOWHERE
    try:
        return _Planner(model, n_ctx, rooms, formats).placed()
    except EvaluationFailed:
        return NOWHERE


class _Planner:
    """Plans a model for devices of so much memory, all formats at once: a plan is a process."""

    def __init__(
        self, model: Path, n_ctx: int, rooms: Mapping[str, int], formats: Sequence[str]
    ) -> None:
        self.model, self.n_ctx, self.rooms, self.formats = model, n_ctx, rooms, formats
        self._plans: dict[Settings, Mapping[str, Devised]] = {}
        every = self._plan(formats[0], LAYERS_MAX).devices
        self.count, self.devices = sum(share.layers for share in every), len(every)

    def placed(self) -> Placed:
        """The most of each format."""
        found = {name: self._placement(name) for name in self.formats}
        return Placed(found, self.count, self.devices)

    def _placement(self, name: str) -> Placement:
        whole, host = self._most(name), 0
        layers = whole
        if whole < self.count and self._with_experts_apart(name):
            layers = self.count
            host = _least(layers, lambda n: self._fits(name, LAYERS_MAX, n_cpu_moe=n))
        split = ",".join(["1"] * self.devices)
        even = self._most(name, tensor_split=split) if self.devices > 1 else layers
        asked = layers if layers < self.count else LAYERS_MAX  # as it was planned already
        plan = self._plan(name, asked, n_cpu_moe=host) if layers else None
        return Placement(layers, host, whole, even, plan)

    def _with_experts_apart(self, name: str) -> bool:
        """Whether the model has experts, and all else of it fits."""
        every, without = (self._plan(name, LAYERS_MAX, cpu_moe=apart) for apart in (False, True))
        moved = without.host.weights > every.host.weights
        return moved and self._fits(name, LAYERS_MAX, cpu_moe=True)

    def _most(self, name: str, **settings: object) -> int:
        """The most layers that fit."""
        if self._fits(name, LAYERS_MAX, **settings):
            return self.count
        return self.count - _least(
            self.count, lambda n: self._fits(name, self.count - n, **settings)
        )

    def _fits(self, name: str, layers: int, **settings: object) -> bool:
        """Whether each device has room, with the margin, in the share that is planned with."""
        devices = self._plan(name, layers, **settings).devices
        return all(share.safe <= LEFT * self.rooms.get(share.place, 0) for share in devices)

    def _plan(self, name: str, layers: int, **settings: object) -> DevicePlan:
        """llama.cpp's plan of a format with some settings."""
        asked: Settings = replace(DEFAULT, n_gpu_layers=layers, **settings)  # type: ignore[arg-type] # fields by name
        if asked not in self._plans:
            self._plans[asked] = plan_for_device(self.model, self.formats, asked, self.n_ctx)
        return self._plans[asked][name].memory


def _least(most: int, fits: Callable[[int], bool]) -> int:
    """The smallest number, up to `most`, that fits, where all larger ones do."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high
