"""An NVIDIA GPU through CUDA's driver: memory, kernels, times by its own events, and what NVML
reads of its clocks.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pynvml
from cuda.bindings import driver

from haqa_bench.backends.workers.frame import Refused, Unusable
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel.worker import nvrtc
from haqa_bench.tracks.kernel.worker.problems import Array

DONE = driver.CUresult.CUDA_SUCCESS
STATUSES: Mapping[str, Status] = {
    "CUDA_ERROR_OUT_OF_MEMORY": Status.OOM,
    "CUDA_ERROR_ILLEGAL_ADDRESS": Status.CRASHED,
    "CUDA_ERROR_MISALIGNED_ADDRESS": Status.CRASHED,
    "CUDA_ERROR_INVALID_ADDRESS_SPACE": Status.CRASHED,
    "CUDA_ERROR_ILLEGAL_INSTRUCTION": Status.CRASHED,
    "CUDA_ERROR_INVALID_PC": Status.CRASHED,
    "CUDA_ERROR_LAUNCH_FAILED": Status.CRASHED,
    "CUDA_ERROR_LAUNCH_TIMEOUT": Status.TIMEOUT,
}
"""What the driver's errors amount to; any other is a refusal."""
IDLE = "gpu_idle"
"""The one reason for a low clock that slows nothing down."""


class Grid(NamedTuple):
    """A launch: work-groups in all, and the work-items of one along x, y and z."""

    groups: int
    items: tuple[int, int, int]


class Gpu:
    """The first GPU whose name holds `wanted`, in this process.

    Raises:
        Unusable: there is no CUDA driver, it is too old for NVRTC, or no such GPU.
    """

    def __init__(self, wanted: str) -> None:
        _start()
        self.device, self.name = _find(wanted)
        self.context = call(driver.cuDevicePrimaryCtxRetain, self.device)
        call(driver.cuCtxSetCurrent, self.context)
        self.stream = call(driver.cuStreamCreate, 0)
        major, minor = (self._number(f"COMPUTE_CAPABILITY_{n}") for n in ("MAJOR", "MINOR"))
        self.architecture = f"sm_{major}{minor}"
        self.processors = self._number("MULTIPROCESSOR_COUNT")
        self.cache_bytes = self._number("L2_CACHE_SIZE")

    def kernel(self, cubin: bytes, name: str) -> object:
        """A kernel of compiled code.

        Raises:
            Refused: there is none of that name.
        """
        module = call(driver.cuModuleLoadData, cubin)
        return call(driver.cuModuleGetFunction, module, name.encode())

    def filled(self, count: int, value: float = np.nan) -> int:
        """The address of so many floats of that value, on the device."""
        address = call(driver.cuMemAlloc, 4 * count)
        self.fill(address, count, value)
        return int(address)

    def fill(self, address: int, count: int, value: float) -> None:
        """Sets so many floats to a value."""
        call(driver.cuMemsetD32, address, int(np.float32(value).view(np.uint32)), count)

    def copied(self, values: Array) -> int:
        """The address of a copy of `values` on the device."""
        own = np.ascontiguousarray(values)
        address = call(driver.cuMemAlloc, own.nbytes)
        call(driver.cuMemcpyHtoD, address, own.ctypes.data, own.nbytes)
        return int(address)

    def floats(self, address: int, count: int) -> Array:
        """So many floats of the device."""
        found = np.empty(count, np.float32)
        call(driver.cuMemcpyDtoH, found.ctypes.data, address, found.nbytes)
        return found

    def launch(self, kernel: object, grid: Grid, addresses: Sequence[int]) -> None:
        """Asks for a launch, and does not wait for it."""
        held = np.array(addresses, np.uint64)
        pointers = held.ctypes.data + 8 * np.arange(len(held), dtype=np.uint64)
        x, y, z = grid.items
        call(
            driver.cuLaunchKernel,
            *(kernel, grid.groups, 1, 1, x, y, z),
            *(0, self.stream, pointers.ctypes.data, 0),
        )

    def event(self) -> object:
        """A mark of the device's time, after all that was asked for before."""
        made = call(driver.cuEventCreate, 0)
        call(driver.cuEventRecord, made, self.stream)
        return made

    def between_us(self, start: object, end: object) -> float:
        """Microseconds of the device from one mark to another, for which it waits."""
        call(driver.cuEventSynchronize, end)
        return 1000 * float(call(driver.cuEventElapsedTime, start, end))

    def facts(self) -> dict[str, str]:
        """What runs it."""
        number = call(driver.cuDriverGetVersion)
        return {
            "device": self.name,
            "language": "CUDA",
            "compute_capability": re.sub(r"^sm_(\d+)(\d)$", r"\1.\2", self.architecture),
            "driver": Sensors.driver() or "unknown",
            "cuda": f"{number // 1000}.{number % 1000 // 10}",
            "nvrtc": nvrtc.version(),
        }

    def sensors(self) -> "Sensors":
        """What NVML reads of it."""
        return Sensors(call(driver.cuDeviceGetPCIBusId, 32, self.device))

    def _number(self, attribute: str) -> int:
        wanted = getattr(driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{attribute}")
        return int(call(driver.cuDeviceGetAttribute, wanted, self.device))


class Sensors:
    """A GPU's clocks, temperature and what holds its clocks down, read again and again: their
    range. What a GPU does not tell, or where there is no NVML, is left out.
    """

    def __init__(self, bus: bytes) -> None:
        self.numbers: dict[str, list[int]] = {}
        self.reasons: set[str] = set()
        self.handle: object = None
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self.handle = pynvml.nvmlDeviceGetHandleByPciBusId(bus.split(b"\0")[0])

    def read(self) -> None:
        """Reads once."""
        if self.handle is None:
            return
        for name, ask in self._asked():
            with contextlib.suppress(pynvml.NVMLError):
                number = ask()
                self.numbers.setdefault(name, []).append(number)
        with contextlib.suppress(pynvml.NVMLError):
            self.reasons |= set(
                _reasons(pynvml.nvmlDeviceGetCurrentClocksEventReasons(self.handle))
            )

    def facts(self) -> dict[str, str]:
        """What was read, as `1755 to 1980`."""
        if not self.numbers:
            return {}
        ranges = {name: _range(values) for name, values in self.numbers.items()}
        return {**ranges, "clocks_held_down_by": ", ".join(sorted(self.reasons)) or "nothing"}

    @staticmethod
    def driver() -> str:
        """The version of NVIDIA's driver; nothing where NVML is not there."""
        try:
            pynvml.nvmlInit()
            return str(pynvml.nvmlSystemGetDriverVersion())
        except pynvml.NVMLError:
            return ""

    def _asked(self) -> Iterator[tuple[str, Callable[[], int]]]:
        clock, heat, one = pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_TEMPERATURE_GPU, self.handle
        yield "sm_clock_mhz", lambda: clock(one, pynvml.NVML_CLOCK_SM)
        yield "memory_clock_mhz", lambda: clock(one, pynvml.NVML_CLOCK_MEM)
        yield "temperature_c", lambda: pynvml.nvmlDeviceGetTemperature(one, heat)


def call(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of the driver gives.

    Raises:
        Refused: it gives an error.
    """
    outcome, *found = function(*arguments)
    if outcome != DONE:
        status = STATUSES.get(outcome.name, Status.REFUSED)
        raise Refused(f"{function.__name__}: {outcome.name}", status)
    return found[0] if found else None


def _start() -> None:
    todo = "CUDA kernels run where NVIDIA's driver is; elsewhere leave out `language: cuda`"
    try:
        call(driver.cuInit, 0)
    except (RuntimeError, Refused) as error:  # the library is loaded by the first call
        why = str(error).strip().splitlines()[0]
        raise Unusable("CUDA", f"no NVIDIA GPU can be used here: {why}", todo) from None
    driven, compiler = call(driver.cuDriverGetVersion) // 1000, int(nvrtc.version().split(".")[0])
    if driven < compiler:
        raise Unusable(
            "CUDA",
            f"the driver is for CUDA {driven}, and NVRTC of CUDA {compiler}",
            f"pip install 'cuda-bindings<{driven + 1}' nvidia-cuda-nvrtc-cu{driven}",
        )


def _find(wanted: str) -> tuple[object, str]:
    names = []
    for number in range(call(driver.cuDeviceGetCount)):
        device = call(driver.cuDeviceGet, number)
        name = call(driver.cuDeviceGetName, 128, device).split(b"\0")[0].decode()
        if wanted.lower() in name.lower():
            return device, name
        names.append(name)
    raise Refused(f"no CUDA device '{wanted}'; there are: {', '.join(names) or 'none'}")


def _reasons(bits: int) -> Iterator[str]:
    """The names of NVML's reasons for a clock that is not the highest."""
    prefix, names = "nvmlClocksEventReason", dict[int, str]()
    for name, bit in vars(pynvml).items():
        if name.startswith(prefix) and isinstance(bit, int) and bit.bit_count() == 1:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removeprefix(prefix))
            names.setdefault(bit, words.lower())  # one of them has two names
    return (name for bit, name in names.items() if bits & bit and name != IDLE)


def _range(values: Sequence[int]) -> str:
    least, most = min(values), max(values)
    return str(least) if least == most else f"{least} to {most}"
