"""This machine as a hardware profile: what it says of itself, and the memory bandwidth it reaches.

Producing a token reads every weight once, so memory bandwidth bounds tokens per second; it is
measured here, since virtual machines get a share that no datasheet knows. Instruction sets decide
which formats are computed as they are: VNNI and dotprod multiply int8, AVX512-BF16 and AMX bf16. A
CPU that lacks them converts first.
"""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cpuinfo
import numpy as np
import psutil
import pynvml
from numpy.typing import NDArray

from haqa_bench.hardware import Figure, Hardware

Array = NDArray[np.float64]
COPY_BYTES = 1_000_000_000
"""More than a last-level cache holds: 300 MB were met."""
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
AVX = (
    "avx",
    "avx2",
    "f16c",
    "fma",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
)
AMX = ("amx_tile", "amx_int8", "amx_bf16", "amx_fp16")
ARM = ("neon", "asimd", "asimdhp", "dotprod", "asimddp", "i8mm", "bf16", "sve", "sve2")
"""CPU flags that matter to inference; asimddp and asimdhp are Linux's names for Arm's dotprod and
fp16 arithmetic.
"""
CPU_FORMATS = {
    "fp16": {"avx512_fp16", "amx_fp16", "asimdhp"},
    "bf16": {"avx512_bf16", "amx_bf16", "bf16"},
    "int8": {"avx_vnni", "avx512_vnni", "amx_int8", "dotprod", "asimddp", "i8mm"},
}
"""Number formats, and the CPU flags of which one suffices to compute in them; fp32 every CPU has.
"""
TENSOR_CORES = {
    (1, 0): (),
    (7, 0): ("fp16",),
    (7, 5): ("fp16", "int8", "int4"),
    (8, 0): ("fp16", "bf16", "int8", "int4"),
    (8, 9): ("fp16", "bf16", "fp8", "int8", "int4"),
    (9, 0): ("fp16", "bf16", "fp8", "int8"),
    (10, 0): ("fp16", "bf16", "fp8", "int8", "fp4"),
}
"""Number formats that tensor cores take, by the first CUDA compute capability to do so; Hopper
(9.0) dropped int4.
"""


def detect(nvml: Any = pynvml) -> Hardware:
    """This machine: its first NVIDIA GPU if NVML finds one, else its CPU. Takes a few seconds;
    copies 1 GB twelve times.
    """
    return _gpu(nvml) or cpu()


def title(kind: str, nvml: Any = pynvml) -> str:
    """This machine in a few words, as profiles are titled, without measuring anything: its first
    NVIDIA GPU where the cell's hardware is of the `kind` gpu and there is one, else its CPU, with
    its logical cores.
    """
    if kind == "gpu" and (gpu := _gpu(nvml)):
        return f"{gpu.title}, {gpu.memory.value:g} {gpu.memory.unit}"
    return (
        f"{cpuinfo.get_cpu_info().get('brand_raw', 'unknown CPU')}, {psutil.cpu_count()} "
        "logical cores"
    )


def copy_bandwidth(size: int) -> Figure:
    """GB/s (10^9 bytes, read plus written) of one thread that copies `size` bytes; best of five
    after a warm-up.
    """
    source = np.ones(size // 8)
    target = np.empty_like(source)
    rates = []
    for _ in range(6):
        start = time.perf_counter()
        np.copyto(target, source)
        rates.append(2 * source.nbytes / (time.perf_counter() - start) / 1e9)
    best, median = max(rates[1:]), sorted(rates[1:])[2]
    how = (
        f"one thread, numpy copy of {size / 1e6:.0f} MB, bytes read plus written, best of 5 "
        f"(median {median:.1f})"
    )
    return Figure(value=round(best, 1), unit="GB/s", source=f"{measured()}: {how}")


def copy_bandwidth_of_all(size: int, threads: int) -> Figure:
    """The same of `threads` threads at once, each of which copies a part of `size` bytes."""
    source = np.ones(size // 8 // threads * threads)
    parts = list(
        zip(np.split(np.empty_like(source), threads), np.split(source, threads), strict=True)
    )
    with ThreadPoolExecutor(threads) as pool:  # numpy lets others run while it copies
        rates = [_copied(pool, parts) for _ in range(6)][1:]
    best, median = max(rates), sorted(rates)[2]
    how = (
        f"{threads} threads, numpy copies of {size / 1e6:.0f} MB in all, bytes read plus written, "
        f"best of 5 (median {median:.1f})"
    )
    return Figure(value=round(best, 1), unit="GB/s", source=f"{measured()}: {how}")


def _copied(pool: ThreadPoolExecutor, parts: Sequence[tuple[Array, Array]]) -> float:
    """GB/s, read plus written, of one copy of all parts at once."""
    start = time.perf_counter()
    list(pool.map(lambda pair: np.copyto(*pair), parts))
    return 2 * sum(of.nbytes for _, of in parts) / (time.perf_counter() - start) / 1e9


def measured() -> str:
    """How a figure of this machine says where it is from."""
    return f"measured with haqa-bench hardware detect, {datetime.now(UTC):%Y-%m-%d}"


def cpu() -> Hardware:
    """This machine's CPU. Takes a few seconds."""
    info = cpuinfo.get_cpu_info()
    flags, title = set(info.get("flags", ())), info.get("brand_raw", "unknown CPU")
    physical, logical = psutil.cpu_count(logical=False), psutil.cpu_count()
    sees = (
        "; under a hypervisor, which may hide what the silicon has" if "hypervisor" in flags else ""
    )
    return Hardware(
        name=f"{_slug(title)}-{physical or logical}core",
        title=title,
        kind="cpu",
        cores=Figure(value=physical, unit="cores", source="the operating system, through psutil"),
        memory=Figure(
            value=round(psutil.virtual_memory().total / 2**30, 1),
            unit="GiB",
            source="the operating system, through psutil",
        ),
        bandwidth=copy_bandwidth(COPY_BYTES),
        copy_bandwidth=copy_bandwidth_of_all(COPY_BYTES, logical or 1),
        caches=_caches(CACHES),
        instruction_sets=tuple(name for name in AVX + AMX + ARM if name in flags),
        native_formats=("fp32", *(name for name, enough in CPU_FORMATS.items() if flags & enough)),
        native_formats_source="CPU flags as py-cpuinfo reads them",
        notes=f"{logical} logical cores; family {info.get('family', 'unknown')}, model "
        f"{info.get('model', 'unknown')}{sees}",
    )


def _caches(folder: Path) -> dict[str, Figure]:
    """What cpu0 sees, in KiB; nothing where the system is not Linux."""
    found = {}
    for cache in sorted(folder.glob("index*")):
        level, kind, size = (
            (cache / name).read_text().strip() for name in ("level", "type", "size")
        )
        suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
        found[f"L{level}{suffix}"] = Figure(
            value=int(size.removesuffix("K")), unit="KiB", source="Linux sysfs, as cpu0 sees it"
        )
    return found


def _gpu(nvml: Any) -> Hardware | None:
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # no NVIDIA driver here
        return None
    try:
        return (
            _described(nvml, nvml.nvmlDeviceGetHandleByIndex(0))
            if nvml.nvmlDeviceGetCount()
            else None
        )
    finally:
        nvml.nvmlShutdown()


def _described(nvml: Any, device: Any) -> Hardware:
    title, memory = nvml.nvmlDeviceGetName(device), nvml.nvmlDeviceGetMemoryInfo(device).total
    capability = tuple(nvml.nvmlDeviceGetCudaComputeCapability(device))
    formats = TENSOR_CORES[max(known for known in TENSOR_CORES if known <= capability)]
    return Hardware(
        name=_slug(title),
        title=title,
        kind="gpu",
        cores=Figure(value=nvml.nvmlDeviceGetNumGpuCores(device), unit="CUDA cores", source="NVML"),
        memory=Figure(value=round(memory / 2**30, 1), unit="GiB", source="NVML"),
        bandwidth=Figure(value=None, unit="GB/s", source="not measured: NVML does not tell it"),
        native_formats=("fp32", *formats),
        native_formats_source=(
            "tensor-core inputs in NVIDIA's architecture whitepapers, compute capability {}.{}"
        ).format(*capability),
        notes=f"driver {nvml.nvmlSystemGetDriverVersion()}",
    )


def _slug(title: str) -> str:
    """'NVIDIA RTX A6000' as nvidia-rtx-a6000."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
