"""Layers on llama.cpp's devices: what llama.cpp is asked for, and what of their memory it takes."""

import ctypes

import llama_cpp as llama

from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.backends.llama_placed import Placed
from haqa_bench.backends.workers import ggml_devices
from haqa_bench.backends.workers.frame import Refused


def set_devices(params: "llama.llama_model_params", settings: Settings) -> list[object]:
    """Sets what goes to which device; what must live until the model is loaded. Where no layer
    does, no device has a part in it: else one would compute long prompts.

    Raises:
        Refused: a device, or a type of buffers, is not here.
    """
    if settings.n_gpu_layers == 0:
        nobody = (ctypes.c_void_p * 1)()
        params.devices = ctypes.addressof(nobody)
        return [nobody]
    _check_devices(settings)
    kept: list[object] = []
    if settings.shares:
        shares = (ctypes.c_float * llama.llama_max_devices())(*settings.shares)
        params.tensor_split = shares
        kept.append(shares)
    if settings.overrides:
        patterns = ggml_devices.overrides(settings.overrides)
        params.tensor_buft_overrides = ctypes.addressof(patterns)
        kept.append(patterns)
    return kept


def _check_devices(settings: Settings) -> None:
    """Raises Refused where devices are named that are not here. That there is none at all is
    `fewer_layers`.
    """
    names = [device.name for device in ggml_devices.offloadable()]
    here = f"here is {', '.join(names)}" if len(names) == 1 else f"here are {', '.join(names)}"
    if names and len(settings.shares) > len(names):
        raise Refused(f"tensor_split: '{settings.tensor_split}' is for more devices: {here}")
    if names and settings.main_gpu >= len(names):
        raise Refused(f"main_gpu: there is no device {settings.main_gpu}: {here}, counted from 0")


class DeviceMemory:
    """How much of its devices' memory a model has: what is less free than before it was loaded,
    or llama.cpp's own buffers, where a backend does not count, or counts less.
    """

    def __init__(self, placed: Placed) -> None:
        self.names = [device.name for device in placed.devices]
        self.before = sum(device.free for device in placed.devices)
        self.buffers = sum(placed.taken(name) for name in self.names)
        self.gone = 0
        self.look()

    def look(self) -> None:
        """Asks the devices once more. Nothing is timed meanwhile."""
        if self.names:
            self.gone = max(self.gone, self.before - ggml_devices.free_bytes(self.names))

    @property
    def peak(self) -> int | None:
        """In bytes; None without devices."""
        return max(self.gone, self.buffers) if self.names else None

    @property
    def facts(self) -> dict[str, str]:
        """What is known, in words."""
        if not self.names:
            return {}
        told = "the memory that was no longer free" if self.gone > self.buffers else "its buffers"
        return {
            "device_buffers_mb": f"{self.buffers / 1e6:.1f}",
            "device_memory_gone_mb": f"{self.gone / 1e6:.1f}",
            "device_memory_by": told,
        }
