"""The kernel track: what an OpenCL kernel's parameters give (paper: table 3)."""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.installed import extra, has, missing, require
from haqa_bench.parameters.code import AS_IT_COMES
from haqa_bench.protocols import Outcome, Reference
from haqa_bench.space import Configuration
from haqa_bench.tracks.kernel.jobs import (
    Measure,
    MeasureCuda,
    Measured,
    MeasureGgml,
    MeasureGgmlOnDevice,
    MeasurePeaks,
    MeasurePeaksCuda,
)
from haqa_bench.tracks.kernel.shapes import bits_of, check
from haqa_bench.tracks.kernel.sources import FOLDER, sources_sha256, translation_sha256
from haqa_bench.tracks.kernel.workload import OUTSIDE, KernelWorkload, Language
from haqa_bench.tracks.repeats import MeasuredHere, estimated, timed

POCL = "Portable Computing Language"
"""The platform that the sandbox holds, and no other."""
GGML_DEVICE = "CUDA0"
"""ggml's name for the first GPU."""
MUCH = 0.75
"""A peak below this share of the best is a sign that somebody else has a core: it varies by a tenth
on its own, and halves then.
"""


class KernelEvaluator(MeasuredHere):
    """Compiles, checks and times each configuration of a kernel, in a process of its own.

    Metrics: time_us (us, the device's own time of one launch), bandwidth_gb_s and peak_gflops (what
    the device gives a kernel that only reads or only multiplies, measured in between), compile_ms
    (ms), error (largest, as a share of the largest value).
    """

    def __init__(self, cell: Cell[KernelWorkload], sources: Path = FOLDER) -> None:
        _require(cell.workload.language)
        self.bits = bits_of(cell)
        check(cell.id, cell.workload.kernel, cell.workload.sizes)
        self.cell, self.workload, self.sources = cell, cell.workload, sources

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        own = {"kernel_sha256": sources_sha256(self.workload.kernel, self.sources)}
        return {**own, "cuda_sha256": translation_sha256()} if self._in_cuda else own

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. The output is checked in every process, on inputs of its own."""
        code = self.cell.space.code
        source = str(configuration[code]) if code else AS_IT_COMES
        job = self._job({n: value for n, value in configuration.items() if n != code})
        if code and self.workload.in_sandbox(self.cell.hardware):  # its own source, too: one way
            return timed(lambda: self._told(self._in_sandbox(job, source)))
        if source != AS_IT_COMES:
            what = f"code that an agent wrote is not run: {OUTSIDE}"
            raise EvaluationFailed(Status.REFUSED, what)
        return timed(lambda: self._outcome(job))

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return timed(lambda: self._outcome(self._ggml_job()))

    def _outcome(self, job: Measure | MeasureGgml) -> Outcome:
        return self._told(run_job(job, self.workload.timeout_s))

    def _in_sandbox(self, job: Measure, source: str) -> Measured:
        """What a source gives, somebody else's or the kernel's own, run where it can do no harm."""
        from haqa_bench.tracks.kernel.rewritten import measure_rewritten

        text = source or (self.sources / f"{job.kernel}.cl").read_text()
        return measure_rewritten(job, text, self.workload.timeout_s)

    def _told(self, found: Measured) -> Outcome:
        return Outcome(estimated(self._readings(found)), found.facts)

    def _readings(self, found: Measured) -> dict[tuple[str, str], Sequence[float]]:
        others = [found.others_share] * len(found.times_us)
        if found.between:
            others = [max(found.others_share, self._lost(p)) for p in found.between.peaks_gflops]
        readings: dict[tuple[str, str], Sequence[float]] = {
            ("time_us", "us"): found.times_us,
            ("error", "1"): [found.error],
            ("others_share", "1"): others,
            ("involuntary_switches", "1"): [found.involuntary_switches],
        }
        if found.between:
            readings["bandwidth_gb_s", "GB/s"] = found.between.bandwidths_gb_s
            readings["peak_gflops", "GFLOP/s"] = found.between.peaks_gflops
        if found.compile_s is not None:
            readings["compile_ms", "ms"] = [1000 * found.compile_s]
        return readings

    def _lost(self, peak: float) -> float:
        """The share of the machine that was lent to others unseen: what is missing of the best
        peak, where much is missing.
        """
        self._best_peak = max(self._best_peak, peak)
        return 1 - peak / self._best_peak if peak < MUCH * self._best_peak else 0.0

    @cached_property
    def _best_peak(self) -> float:
        """GFLOP/s of this machine when it is undisturbed, as far as seen."""
        kind = MeasurePeaksCuda if self._in_cuda else MeasurePeaks
        device = self.workload.device or (POCL if self.cell.space.code else "")
        job = kind(device=device, repeats=20, memory_bytes=self._memory_bytes)
        found = [run_job(job, self.workload.timeout_s).peaks_gflops for _ in range(3)]
        return max(peak for peaks in found for peak in peaks)

    @property
    def _in_cuda(self) -> bool:
        return self.workload.language == "cuda"

    @property
    def _memory_bytes(self) -> int:
        return int(self.workload.memory_gb * 1e9)

    def _job(self, configuration: Configuration) -> Measure:
        work = self.workload
        kind = MeasureCuda if self._in_cuda else Measure
        return kind(
            memory_bytes=self._memory_bytes,
            kernel=work.kernel,
            sources=str(self.sources),
            bits=self.bits,
            shape=dict(work.sizes),
            settings=_macros(configuration),
            repeats=work.repeats,
            tolerance=work.tolerance,
            device=work.device,
            seed=_fresh_seed(),
        )

    def _ggml_job(self) -> MeasureGgml:
        work = self.workload
        kind = partial(MeasureGgmlOnDevice, on=GGML_DEVICE) if self._in_cuda else MeasureGgml
        return kind(
            memory_bytes=self._memory_bytes,
            kernel=work.kernel,
            bits=self.bits,
            shape=dict(work.sizes),
            settings=_macros(self.cell.space.held.default),
            repeats=work.repeats,
            seed=_fresh_seed(),
        )


def _require(language: Language) -> None:
    if language == "opencl":
        require("pyopencl", "OpenCL", extra("kernels"))
    elif not (has("cuda") and has("cuda.bindings")):  # other packages lie in `cuda`, too
        raise missing("cuda-bindings", "CUDA", extra("cuda"))


def _macros(configuration: Configuration) -> dict[str, int]:
    """A configuration as the whole numbers that a kernel is compiled with.

    Raises:
        EvaluationFailed: a value is none.
    """
    found = {name: value for name, value in configuration.items() if isinstance(value, int)}
    if other := sorted(configuration.keys() - found.keys()):
        raise EvaluationFailed(
            Status.REFUSED, f"{other[0]} = {configuration[other[0]]} is no whole number"
        )
    return found


def _fresh_seed() -> int:
    """Another for each check, so that no kernel can know its inputs."""
    return time.time_ns() % 2**31
