"""Runs an OpenCL kernel, in a process of its own: `python -m haqa_bench.tracks.kernel.worker.opencl
< job.json > result.json`.

Before a time counts, the output is checked: the buffer is filled with a sentinel (NaN), the kernel
run on inputs made for this process, and all of it compared with a float64 reference. Then each
sample is the device's own time of one launch, after a large buffer was read and, where that can be
done, the kernel's own were flushed, so that the weights come from memory and not from a cache, as
they do between two tokens. That reading is timed too: it is the memory bandwidth that the device
gives a kernel at that moment; and so is some arithmetic in registers, which says whether the host
just lent a core to somebody else.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

os.environ.setdefault(
    "POCL_AFFINITY", "1"
)  # else PoCL's threads may share a core for a while, and times are twice as long
import pyopencl as cl

from haqa_bench.backends.workers.caches import Bytes, Caches, on_pages
from haqa_bench.backends.workers.frame import Refused, work
from haqa_bench.backends.workers.load import cpu_times, involuntary_switches, others_share
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Between, Measure, Measured, MeasurePeaks, Peaks
from haqa_bench.tracks.kernel.worker.problems import ARRANGE, Array, Problem, problem

WARM_UPS = 2
Made = TypeVar("Made", cl.CommandQueue, cl.Kernel)
VNNI, CPU_INFO = "VNNI", Path("/proc/cpuinfo")
"""The macro that says that vpdpbusd can be used, and where Linux says it."""


def measure(job: Measure) -> Measured:
    """Compiles, checks, then times `repeats` launches."""
    queue = queue_of(job.device)
    posed = problem(job.kernel, job.bits, job.shape, job.settings, job.seed)
    started = time.perf_counter()
    source = Path(job.sources) / f"{job.kernel}.cl"
    kernel = compiled(queue.context, source, {**job.settings, **posed.defines})
    compile_s = time.perf_counter() - started
    launch = Launch(queue, kernel, posed)
    error = launch.error()
    if not error <= job.tolerance:  # NaN is not
        raise Refused(
            f"largest error {error:.2e} of the largest value, allowed {job.tolerance:.0e}",
            Status.WRONG_OUTPUT,
        )
    limits = Limits(queue)
    samples, bandwidths, peaks = [], [], []
    before, began, switches = cpu_times(), time.perf_counter(), involuntary_switches()
    for _ in range(job.repeats):
        peaks.append(limits.peak())
        bandwidths.append(limits.bandwidth())
        limits.caches.flush(*launch.arrays)
        samples.append(launch.run())
    return Measured(
        times_us=tuple(samples),
        error=error,
        others_share=others_share(before, cpu_times(), time.perf_counter() - began),
        involuntary_switches=involuntary_switches() - switches,
        facts={
            **facts(queue.device),
            "inputs_seed": str(job.seed),
            "caches": limits.caches.how,
        },
        compile_s=compile_s,
        between=Between(tuple(bandwidths), tuple(peaks)),
    )


def measure_peaks(job: MeasurePeaks) -> Peaks:
    """What the device gives at most."""
    queue = queue_of(job.device)
    limits = Limits(queue)
    return Peaks(tuple(limits.peak() for _ in range(job.repeats)))


def queue_of(wanted: str) -> cl.CommandQueue:
    """A queue of commands, which are timed, to the device that `find` finds."""
    context = cl.Context([find(wanted)])
    queue = cl.CommandQueue(context, properties=cl.command_queue_properties.PROFILING_ENABLE)
    return _keeping(queue, context)


def _keeping(made: Made, of: object) -> Made:
    """What was made, which keeps what it was made of: Intel's runtime does not."""
    vars(made)["made_of"] = of
    return made


def is_cpu(device: cl.Device) -> bool:
    """Whether an OpenCL device is a CPU, which is asked with few work-items."""
    return bool(device.type & cl.device_type.CPU)


def shares_memory(device: cl.Device) -> bool:
    """Whether an OpenCL device works on an array of ours itself, if it is asked to (USE_HOST_PTR);
    others may make a copy.
    """
    return is_cpu(device) and device.platform.name == "Portable Computing Language"


def find(wanted: str) -> cl.Device:
    """The first OpenCL device whose name, or whose platform's name, holds `wanted`; the first of
    all where it is empty.
    """
    devices = [d for platform in cl.get_platforms() for d in platform.get_devices()]
    for device in devices:
        if wanted.lower() in f"{device.platform.name} {device.name}".lower():
            return device
    raise Refused(
        f"no OpenCL device '{wanted}'; there are: {', '.join(d.name for d in devices) or 'none'}"
    )


def has_vnni(cpu_info: Path) -> bool:
    """Whether every processor that a file as /proc/cpuinfo lists has vpdpbusd for 256 bits: a
    compiler that is older than the processor does not know.
    """
    lines = cpu_info.read_text().splitlines() if cpu_info.is_file() else []
    flags = [line.partition(":")[2].split() for line in lines if line.startswith("flags")]
    return bool(flags) and all({"avx512_vnni", "avx512vl"} <= set(some) for some in flags)


def compiled(context: cl.Context, source: Path, defines: Mapping[str, float]) -> cl.Kernel:
    """The kernel of that name, built from source with the settings as macros; pyopencl keeps what
    was built before.
    """
    options = ["-I", str(source.parent), "-cl-std=CL1.2", "-cl-mad-enable"]
    known = {VNNI: 1} if is_cpu(context.devices[0]) and has_vnni(CPU_INFO) else {}
    options += [
        f"-D{key}={f'{value:.9g}f' if isinstance(value, float) else int(value)}"
        for key, value in sorted({**known, **defines}.items())
    ]
    try:
        program = cl.Program(context, source.read_text()).build(options)
        return _keeping(cl.Kernel(program, source.stem), program)
    except cl.RuntimeError as error:
        lines = [line for line in str(error).splitlines() if "error" in line.lower()]
        reason = (lines or ["the compiler gave no reason"])[0].strip()
        # a table is no place for this machine's folders
        reason = re.sub(r"[^\s=]*/", "", reason)
        raise Refused(reason, Status.COMPILE_ERROR) from None


class Launch:
    """A kernel with its buffers, and the `arrays` in which they lie, where the device lets us keep
    them.
    """

    def __init__(self, queue: cl.CommandQueue, kernel: cl.Kernel, posed: Problem) -> None:
        self.queue, self.kernel, self.posed = queue, kernel, posed
        self.arrays: list[Bytes] = []
        self.inputs = [self._holding(values) for values in posed.inputs]
        self.output = self._room(posed.expected.size * 4)
        self.arrange = cl.Kernel(kernel.program, ARRANGE) if posed.arranged else None
        if posed.arranged:
            self.given = self.inputs[-1]
            self.inputs[-1] = self._room(posed.arranged.bytes)

    def _holding(self, values: Array) -> cl.Buffer:
        """A buffer with these values in it."""
        buffer = self._room(values.nbytes)
        cl.enqueue_copy(self.queue, buffer, np.ascontiguousarray(values))
        return buffer

    def _room(self, size: int) -> cl.Buffer:
        """A buffer of so many bytes."""
        flags, context = cl.mem_flags, self.queue.context
        if not shares_memory(self.queue.device):
            return cl.Buffer(context, flags.READ_WRITE, size)
        self.arrays.append(on_pages(size))
        return cl.Buffer(context, flags.READ_WRITE | flags.USE_HOST_PTR, hostbuf=self.arrays[-1])

    def run(self) -> float:
        """The device's time of one launch, in microseconds: from the beginning of what arranges an
        input, where something does, to the end of the kernel.
        """
        try:
            events = [*self._arranging()]
            events.append(
                self.kernel(
                    self.queue,
                    self.posed.global_size,
                    self.posed.local_size,
                    *self.inputs,
                    self.output,
                )
            )
            events[-1].wait()
        except cl.Error as error:
            self.queue.finish()  # what was asked for before may still write to arrays of ours
            raise Refused(str(error)) from None
        return float(events[-1].profile.end - events[0].profile.start) / 1000

    def _arranging(self) -> Iterator[cl.Event]:
        how = self.posed.arranged
        if self.arrange and how:
            sizes = how.global_size, how.local_size
            yield self.arrange(self.queue, *sizes, self.given, self.inputs[-1])

    def error(self) -> float:
        """The largest error of the output, as a share of the largest value expected; warms up
        besides.
        """
        cl.enqueue_fill_buffer(
            self.queue, self.output, np.array([np.nan], np.float32), 0, self.posed.expected.size * 4
        ).wait()
        for _ in range(WARM_UPS):
            self.run()
        found = np.empty(self.posed.expected.size, np.float32)
        cl.enqueue_copy(self.queue, found, self.output)
        expected = self.posed.expected.ravel()
        return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


class Limits:
    """What the device gives a kernel that does nothing but read memory, or multiply and add
    (limits.cl).

    A CPU is asked with few work-items, each of which streams through a part of its own; any other
    device with as many as keep it busy, which read side by side.
    """

    CHAINS = 12

    def __init__(self, queue: cl.CommandQueue) -> None:
        few, context = is_cpu(queue.device), queue.context
        self.queue, self.group = queue, 1 if few else 256
        self.readers = 512 if few else queue.device.max_compute_units * 1024
        self.workers, self.steps = (16, 100_000) if few else (self.readers, 2000)
        flags = cl.mem_flags
        self.caches = Caches(shares_memory(queue.device))
        self.ones = on_pages(self.caches.bytes)
        self.ones.view(np.float32)[:] = 1
        shared = flags.USE_HOST_PTR if shares_memory(queue.device) else flags.COPY_HOST_PTR
        self.memory = cl.Buffer(context, flags.READ_WRITE | shared, hostbuf=self.ones)
        self.results = cl.Buffer(context, flags.WRITE_ONLY, 4 * self.readers)
        self.vectors = self.ones.nbytes // 32 // self.readers // 4 * 4
        options = [
            "-cl-mad-enable",
            f"-DVECTORS={self.vectors}",
            f"-DSIDE_BY_SIDE={int(not few)}",
            f"-DSTEPS={self.steps}",
        ]
        program = cl.Program(context, (FOLDER / "limits.cl").read_text()).build(options)
        self.read, self.multiply_add = (
            cl.Kernel(program, "read"),
            cl.Kernel(program, "multiply_add"),
        )

    def bandwidth(self) -> float:
        """GB/s of one reading of memory; what the caches held before, of what is not flushed, is
        gone after it.
        """
        self.caches.flush(self.ones)
        return (
            32 * self.vectors * self.readers / 1e3 / self._us(self.read, self.readers, self.memory)
        )

    def peak(self) -> float:
        """GFLOP/s of multiply-adds in float32, all in registers."""
        return (
            2
            * 8
            * self.CHAINS
            * self.steps
            * self.workers
            / 1e3
            / self._us(self.multiply_add, self.workers)
        )

    def _us(self, kernel: cl.Kernel, items: int, *arguments: cl.Buffer) -> float:
        event = kernel(self.queue, (items,), (self.group,), *arguments, self.results)
        event.wait()
        return float(event.profile.end - event.profile.start) / 1000


def facts(device: cl.Device) -> dict[str, str]:
    """What ran it."""
    return {
        "device": device.name.strip(),
        "platform": device.platform.name.strip(),
        "driver": device.driver_version.strip(),
        "opencl": device.version.strip(),
        "pyopencl": cl.VERSION_TEXT,
    }


if __name__ == "__main__":
    work(measure, measure_peaks)
