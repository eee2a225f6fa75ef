"""Where llama.cpp put a model's layers and memory, read from its log, and what of that is not what
was asked for.

llama.cpp says little where it cannot do as asked: a build without the device's backend computes on
the CPU, a driver gives host memory for that of the device, a fused kernel is switched off. A trial
of other settings than its own is no trial, so each of these is a status.
"""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.backends.llama_log import all_said, said
from haqa_bench.errors import Status

MIB = 2**20
CPU, MODEL = "CPU", "model"
AS_PLANNED = 0.95
"""A device holds at least this share of the weights that were planned for it, else some are
elsewhere. Plans and buffers differ by less than a hundredth (docs/memory.md).
"""
Planned = Mapping[str, int]
NOTHING: Planned = MappingProxyType({})
DEVICE = re.compile(
    r"^llama_prepare_model_devices: using device (\S+) \((.*)\) \([^()]*\) - (\d+) MiB free$",
    re.MULTILINE,
)
LAYER = re.compile(r"^load_tensors: layer +(\d+) assigned to device (\S+?),", re.MULTILINE)
BUFFER = re.compile(
    r"^\w+: +(\S+) +(model|KV|RS|compute|output) buffer size = +([\d.]+) MiB", re.MULTILINE
)
CACHE = re.compile(r"\b([KV]) \((\w+)\)")
FLASH = re.compile(
    r"^resolve_fused_ops: Flash Attention (enabled|not supported, set to disabled)", re.MULTILINE
)
OVERRIDDEN = re.compile(r"^tensor \S+ \(.*\) buffer type overridden to (\S+)$", re.MULTILINE)
SPLITS = re.compile(r"^sched_reserve: graph.*splits = ([\d /]+),", re.MULTILINE)
UNUSABLE = "no usable GPU found, --gpu-layers option will be ignored"
"""What llama.cpp's programs say where they were built without a device's backend."""
OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers to GPU")
EFFECT = {"on": "enabled", "off": "disabled"}


class Device(NamedTuple):
    """A device that a model uses: its name, what it is, and bytes free before the model was
    loaded (0: not told).
    """

    name: str
    about: str
    free: int


class Placed(NamedTuple):
    """Where everything lies: the model's devices; layers by device, the output as the last of
    them; bytes by part of the memory and buffer type; and what was decided.

    `flash_attn` is enabled or disabled, `cache` the number formats of keys (K) and values (V),
    `overridden` the tensors that a pattern put elsewhere, by buffer type.
    """

    devices: tuple[Device, ...]
    layers: Mapping[str, int]
    buffers: Mapping[tuple[str, str], int]
    flash_attn: str
    cache: Mapping[str, str]
    overridden: Mapping[str, int]
    splits: str

    @property
    def on_devices(self) -> int:
        """Layers that lie on a device, the output among them."""
        return sum(count for name, count in self.layers.items() if name != CPU)

    def weights(self, device: str) -> int:
        """The bytes of weights in a device's own buffers."""
        every = self.buffers.items()
        return sum(size for (part, kind), size in every if part == MODEL and is_of(kind, device))

    def taken(self, device: str) -> int:
        """The bytes of a device's own buffers."""
        return sum(size for (_, kind), size in self.buffers.items() if is_of(kind, device))


class Fault(NamedTuple):
    """What is not as it was asked for: a trial's status, and why, for people."""

    status: Status
    reason: str


def is_of(buffer_type: str, device: str) -> bool:
    """Whether a type of buffers is a device's own memory: Vulkan0 and CUDA0_Split are, Vulkan_Host
    is not.
    """
    return buffer_type == device or buffer_type.startswith(f"{device}_")


def read(log: str) -> Placed:
    """What llama.cpp's log says of a model and a context that it made."""
    buffers: Counter[tuple[str, str]] = Counter()
    for kind, part, size in BUFFER.findall(log):
        buffers[part, kind] += round(float(size) * MIB)
    layers = dict(LAYER.findall(log))
    return Placed(
        devices=tuple(Device(name, about, int(free) * MIB) for name, about, free in _devices(log)),
        layers=Counter(layers.values()),
        buffers=buffers,
        flash_attn=_flash_attn(log),
        cache=dict(CACHE.findall(" ".join(all_said(log, "llama_kv_cache: size")))),
        overridden=Counter(OVERRIDDEN.findall(log)),
        splits=(SPLITS.findall(log) or [""])[-1].strip(),
    )


def _devices(log: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = DEVICE.findall(log)
    return found


def _flash_attn(log: str) -> str:
    """What was asked for, or, where llama.cpp may choose, what it chose."""
    asked = said(log, "llama_context: flash_attn")
    chosen = FLASH.findall(log)
    if asked == "auto" and chosen:
        return "enabled" if chosen[-1] == "enabled" else "disabled"
    return asked


def facts(placed: Placed) -> dict[str, str]:
    """Where everything lies, in words; nothing where no device has a part in it."""
    if not placed.devices:
        return {}
    return {
        "devices": ", ".join(f"{device.name} ({device.about})" for device in placed.devices),
        "layers_placed": ", ".join(f"{name} {count}" for name, count in placed.layers.items()),
        "buffers": ", ".join(
            f"{part} {kind} {size / 1e6:.1f} MB" for (part, kind), size in placed.buffers.items()
        ),
        "graph_splits": placed.splits,
    }


def fault(placed: Placed, settings: Settings, planned: Planned = NOTHING) -> Fault | None:
    """The first thing that is not as it was asked for; None where all is. `planned` are bytes of
    weights by device.
    """
    found = (
        Fault(Status.FEWER_LAYERS, _fewer(placed, settings)),
        Fault(Status.SPILLED, _spilled(placed, planned)),
        Fault(Status.SETTING_IGNORED, _ignored(placed, settings)),
    )
    return next((one for one in found if one.reason), None)


def fewer_said(log: str, n_gpu_layers: int) -> str:
    """Why fewer layers lie on devices than asked for, as one of llama.cpp's programs says, which
    tells less than its library; nothing where it says no such thing.
    """
    if not n_gpu_layers:
        return ""
    if UNUSABLE in log:
        return f"layers are to be on a device, and it said: {UNUSABLE}"
    told = OFFLOADED.search(log)  # the first is the model, a draft model comes later
    if not told:
        return ""
    there, every = map(int, told.groups())
    asked = every if n_gpu_layers < 0 else min(n_gpu_layers, every)
    return f"{asked} of {every} layers are to be on a device, and {there} are" * (there < asked)


def _fewer(placed: Placed, settings: Settings) -> str:
    every = sum(placed.layers.values())
    asked = every if settings.n_gpu_layers < 0 else min(settings.n_gpu_layers, every)
    if placed.on_devices >= asked:
        return ""
    why = "" if placed.devices else ": this llama.cpp has no device here"
    return f"{asked} of {every} layers are to be on a device, and {placed.on_devices} are{why}"


def _spilled(placed: Placed, planned: Planned) -> str:
    for device in placed.devices:
        held, wanted = placed.weights(device.name), planned.get(device.name, 0)
        if held < AS_PLANNED * wanted:
            return (
                f"{device.name} holds {held / 1e6:,.0f} MB of weights, and its layers have "
                f"{wanted / 1e6:,.0f} MB: llama.cpp keeps the rest in host memory"
            )
        taken = placed.taken(device.name)
        if device.free and taken > device.free:
            return (
                f"{device.name} holds {taken / 1e6:,.0f} MB of buffers, and had "
                f"{device.free / 1e6:,.0f} MB free: the rest is host memory"
            )
    return ""


def _ignored(placed: Placed, settings: Settings) -> str:
    wanted = EFFECT.get(settings.flash_attn)
    if wanted and placed.flash_attn and placed.flash_attn != wanted:
        return (
            f"flash_attn is to be {settings.flash_attn}, and llama.cpp has it {placed.flash_attn}"
        )
    for name, kind in (("K", settings.type_k), ("V", settings.type_v)):
        if placed.cache.get(name, kind) != kind:
            return f"type_{name.lower()} is to be {kind}, and the cache holds {placed.cache[name]}"
    if not settings.repack and any("REPACK" in kind for _, kind in placed.buffers):
        return "repack is to be off, and llama.cpp repacked weights"
    if settings.n_gpu_layers and settings.overrides and not placed.overridden:
        return "no tensor's name matches what is to be kept elsewhere (is the model no mixture?)"
    return ""
