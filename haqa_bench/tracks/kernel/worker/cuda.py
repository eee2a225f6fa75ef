"""Runs a kernel on an NVIDIA GPU, in a process of its own: `python -m
haqa_bench.tracks.kernel.worker.cuda < job.json > result.json`.

The same source as OpenCL's, compiled as CUDA C++ (cuda_source.py) for the GPU that is there, and
checked as there: a sentinel (NaN) in the output, inputs made for this process, all of it compared
with float64. Then each sample is the device's own time between two events around one launch, and
around what arranges an input before it, where a kernel has that (problems.Arranged). All
of a sample is asked for at once, the reading of a large buffer first, so that the launch waits for
nothing of the host's and the weights come from memory; that reading is timed too, and so is some
arithmetic in registers. Clocks, temperature and what holds clocks down are read after each sample.
"""

import time
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from haqa_bench.backends.workers.frame import Refused, work
from haqa_bench.backends.workers.load import cpu_times, involuntary_switches, others_share
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Between, MeasureCuda, Measured, MeasurePeaksCuda, Peaks
from haqa_bench.tracks.kernel.worker import nvrtc
from haqa_bench.tracks.kernel.worker.cuda_source import headers, options, program
from haqa_bench.tracks.kernel.worker.gpu import Gpu, Grid
from haqa_bench.tracks.kernel.worker.problems import ARRANGE, Arranged, Problem, problem

EVICTED = 128 * 2**20
"""Bytes read before each sample, at least; four times the L2 cache where that is more."""
WARM_UPS = 2


def measure(job: MeasureCuda) -> Measured:
    """Compiles, checks, then times `repeats` launches."""
    gpu = Gpu(job.device)
    posed = problem(job.kernel, job.bits, job.shape, job.settings, job.seed)
    started = time.perf_counter()
    kernel, arrange = _kernels(gpu, job, posed)
    compile_s = time.perf_counter() - started
    launch = Launch(gpu, kernel, posed, arrange)
    error = launch.error()
    if not error <= job.tolerance:  # NaN is not
        raise Refused(
            f"largest error {error:.2e} of the largest value, allowed {job.tolerance:.0e}",
            Status.WRONG_OUTPUT,
        )
    limits, sensors = Limits(gpu), gpu.sensors()
    samples, bandwidths, peaks = [], [], []
    before, began, switches = cpu_times(), time.perf_counter(), involuntary_switches()
    for _ in range(job.repeats):
        peaks.append(limits.peak())
        marks = [gpu.event()]
        limits.read_all()
        marks.append(gpu.event())
        launch.ask()
        marks.append(gpu.event())
        samples.append(gpu.between_us(marks[1], marks[2]))
        bandwidths.append(limits.bandwidth(gpu.between_us(marks[0], marks[1])))
        sensors.read()
    return Measured(
        times_us=tuple(samples),
        error=error,
        others_share=others_share(before, cpu_times(), time.perf_counter() - began),
        involuntary_switches=involuntary_switches() - switches,
        facts={**gpu.facts(), **sensors.facts(), "inputs_seed": str(job.seed)},
        compile_s=compile_s,
        between=Between(tuple(bandwidths), tuple(peaks)),
    )


def measure_peaks(job: MeasurePeaksCuda) -> Peaks:
    """What the device gives at most."""
    limits = Limits(Gpu(job.device))
    return Peaks(tuple(limits.peak() for _ in range(job.repeats)))


def compiled(
    source: Path, defines: Mapping[str, float], groups: tuple[int, ...], architecture: str
) -> bytes:
    """Machine code of a kernel's file, with the settings as macros."""
    return nvrtc.compiled(
        f"{source.stem}.cu",
        program(source.name, source.read_text("utf-8")),
        headers(source.parent),
        options(defines, groups, architecture),
    )


def _kernels(gpu: Gpu, job: MeasureCuda, posed: Problem) -> tuple[object, object]:
    """The kernel, and what arranges its input, if anything does; each is compiled by itself, since
    the number of groups is one launch's.
    """
    source, defines = Path(job.sources) / f"{job.kernel}.cl", {**job.settings, **posed.defines}
    cubin = compiled(source, defines, groups_of(posed), gpu.architecture)
    if posed.arranged is None:
        return gpu.kernel(cubin, job.kernel), None
    other = compiled(source, defines, groups_of(posed.arranged), gpu.architecture)
    return gpu.kernel(cubin, job.kernel), gpu.kernel(other, ARRANGE)


def groups_of(posed: Problem | Arranged) -> tuple[int, ...]:
    """How many work-groups a launch has, along each of its dimensions."""
    return tuple(n // size for n, size in zip(posed.global_size, posed.local_size, strict=True))


def _grid(posed: Problem | Arranged) -> Grid:
    x, y, z = (*posed.local_size, 1, 1)[:3]
    return Grid(prod(groups_of(posed)), (x, y, z))


class Launch:
    """A kernel with its buffers, and with what arranges its last input, where something does."""

    def __init__(self, gpu: Gpu, kernel: object, posed: Problem, arrange: object = None) -> None:
        self.gpu, self.kernel, self.posed, self.arrange = gpu, kernel, posed, arrange
        self.grid = _grid(posed)
        self.output = gpu.filled(posed.expected.size)
        self.addresses = [*map(gpu.copied, posed.inputs), self.output]
        if posed.arranged:
            self.arranging = self.addresses[-2], gpu.filled(posed.arranged.bytes // 4)
            self.addresses[-2] = self.arranging[1]

    def ask(self) -> None:
        """Asks the device for one launch, after what arranges an input."""
        if self.posed.arranged:
            self.gpu.launch(self.arrange, _grid(self.posed.arranged), self.arranging)
        self.gpu.launch(self.kernel, self.grid, self.addresses)

    def error(self) -> float:
        """The largest error of the output, as a share of the largest value expected; warms up
        besides.
        """
        for _ in range(WARM_UPS):
            self.ask()
        found = self.gpu.floats(self.output, self.posed.expected.size)
        expected = self.posed.expected.ravel()
        return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


class Limits:
    """What the GPU gives kernels that only read memory, or only multiply and add (limits.cl)."""

    CHAINS, STEPS, GROUP = 12, 2000, 256

    def __init__(self, gpu: Gpu) -> None:
        self.gpu, self.items = gpu, gpu.processors * 1024
        evicted = max(EVICTED, 4 * gpu.cache_bytes)
        self.vectors = evicted // 32 // self.items // 4 * 4
        self.grid = Grid(self.items // self.GROUP, (self.GROUP, 1, 1))
        self.memory, self.results = gpu.filled(evicted // 4, 1.0), gpu.filled(self.items)
        defines = {"VECTORS": self.vectors, "STEPS": self.STEPS, "SIDE_BY_SIDE": 1}
        source = FOLDER / "limits.cl"
        cubin = compiled(source, defines, (self.grid.groups,), gpu.architecture)
        self.reader, self.multiplier = (gpu.kernel(cubin, n) for n in ("read", "multiply_add"))

    def read_all(self) -> None:
        """Asks for one reading of more than the caches hold."""
        self.gpu.launch(self.reader, self.grid, [self.memory, self.results])

    def bandwidth(self, us: float) -> float:
        """GB/s of a reading that took so long."""
        return 32 * self.vectors * self.items / 1e3 / us

    def peak(self) -> float:
        """GFLOP/s of multiply-adds in float32, all in registers."""
        start = self.gpu.event()
        self.gpu.launch(self.multiplier, self.grid, [self.results])
        us = self.gpu.between_us(start, self.gpu.event())
        return 2 * 8 * self.CHAINS * self.STEPS * self.items / 1e3 / us


if __name__ == "__main__":
    work(measure, measure_peaks)
