"""llama.cpp's own devices on this machine, of whatever backend: CUDA, Vulkan, ROCm, Metal, SYCL."""

from haqa_bench.backends.llama_jobs import FindDevices, FoundDevice, FoundDevices
from haqa_bench.backends.process import run_job
from haqa_bench.errors import EvaluationFailed
from haqa_bench.hardware import Device, Figure
from haqa_bench.installed import extra, has

FIND_TIMEOUT_S = 120.0
"""Starting a driver takes seconds."""
MIB = 2**20


def found() -> FoundDevices:
    """All devices, the CPU among them.

    Raises:
        EvaluationFailed: llama.cpp, or a driver, fails.
        HaqaError: the backend that the environment names cannot be loaded.
    """
    return run_job(FindDevices(), FIND_TIMEOUT_S)


def listed() -> tuple[tuple[Device, ...], str]:
    """What a profile says of the devices beside the CPU; and, where there is none, why, for people.

    Raises:
        HaqaError: the backend that the environment names cannot be loaded.
    """
    if not has("llama_cpp"):
        return (), f"llama.cpp is not installed, so its devices are not listed: {extra('deploy')}"
    try:
        every = found()
    except EvaluationFailed as failure:
        return (), f"llama.cpp's devices are not listed: {failure.reason}"
    source = f"llama.cpp (llama-cpp-python {every.version})"
    devices = tuple(_device(one, source) for one in every.devices if one.kind != "cpu")
    return devices, "" if devices else f"{source} knows no device here beside the CPU."


def free() -> dict[str, int]:
    """Bytes that each device beside the CPU has free, without those that do not tell.

    Raises:
        EvaluationFailed: llama.cpp, or a driver, fails.
        HaqaError: the backend that the environment names cannot be loaded.
    """
    return {one.name: one.free for one in found().devices if one.kind != "cpu" and one.free}


def titles() -> tuple[str, ...]:
    """The devices that layers can be put on, in words; none where llama.cpp cannot tell."""
    return tuple(f"{device.name} ({device.title})" for device in listed()[0])


def _device(one: FoundDevice, source: str) -> Device:
    return Device(
        name=one.name,
        title=one.about or one.name,
        kind=one.kind,
        backend=one.backend,
        memory=_figure(one.total, source),
        free=_figure(one.free, f"{source}, when it was detected"),
    )


def _figure(size: int, source: str) -> Figure:
    """Bytes as MiB; unknown where a backend tells none."""
    if not size:
        return Figure(value=None, unit="MiB", source="not told by llama.cpp's backend")
    return Figure(value=size // MIB, unit="MiB", source=source)
