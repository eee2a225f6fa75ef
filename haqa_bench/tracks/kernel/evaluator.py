"""The kernel track: what an OpenCL kernel's parameters give (paper: table 3)."""

import importlib.util
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from haqa_bench.arithmetic.kernel_roofline import BITS
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Reference, Whole
from haqa_bench.space import Configuration
from haqa_bench.tracks.kernel.sources import FOLDER, sources_sha256
from haqa_bench.tracks.kernel.workload import KernelWorkload
from haqa_bench.tracks.repeats import estimated, repeated

WORKER = "haqa_bench.tracks.kernel.worker.opencl"
GGML_WORKER = "haqa_bench.tracks.kernel.worker.ggml"
MUCH = 0.75
"""A peak below this share of the best is a sign that somebody else has a core: it varies by a tenth
on its own, and halves then.
"""


class KernelEvaluator:
    """Compiles, checks and times each configuration of a kernel, in a process of its own.

    Metrics: time_us (us, the device's own time of one launch), bandwidth_gb_s and peak_gflops (what
    the device gives a kernel that only reads or only multiplies, measured in between), compile_ms
    (ms), error (largest, as a share of the largest value).
    """

    whole: Whole | None = None

    def __init__(self, cell: Cell[KernelWorkload], sources: Path = FOLDER) -> None:
        if importlib.util.find_spec("pyopencl") is None:
            raise HaqaError(
                "OpenCL",
                "pyopencl is not installed",
                'Install it with: pip install -e ".[kernels]"',
            )
        if cell.bit_width.upper() not in BITS:
            raise HaqaError(
                cell.id, f"no kernel of bit-width {cell.bit_width}", f"Known: {', '.join(BITS)}"
            )
        self.cell, self.workload, self.sources = cell, cell.workload, sources

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        from haqa_bench.backends.machine import title

        return title(self.cell.hardware.kind)

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"kernel_sha256": sources_sha256(self.workload.kernel, self.sources)}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. The output is checked in every process, on inputs of its own."""
        return self._timed(WORKER, configuration)

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """See ReferenceEvaluator."""
        return self._timed(GGML_WORKER, self.cell.space.default)

    def _timed(self, worker: str, configuration: Configuration) -> Outcome:
        started = time.perf_counter()
        try:
            result = run_job(worker, self._job(configuration), self.workload.timeout_s)
        except EvaluationFailed as failure:
            failure.seconds = time.perf_counter() - started
            raise
        return Outcome(
            estimated(self._readings(result)), result["facts"], time.perf_counter() - started
        )

    def _readings(self, result: Mapping[str, Any]) -> dict[tuple[str, str], Sequence[float]]:
        times, peaks, others = (
            result["times_us"],
            result.get("peaks_gflops"),
            result["others_share"],
        )
        readings: dict[tuple[str, str], Sequence[float]] = {
            ("time_us", "us"): times,
            ("error", "1"): [result["error"]],
            ("others_share", "1"): [max(others, self._lost(peak)) for peak in peaks]
            if peaks
            else [others] * len(times),
            ("involuntary_switches", "1"): [result["involuntary_switches"]],
        }
        if peaks:
            readings["bandwidth_gb_s", "GB/s"], readings["peak_gflops", "GFLOP/s"] = (
                result["bandwidths_gb_s"],
                peaks,
            )
            readings["compile_ms", "ms"] = [1000 * result["compile_s"]]
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
        job = {
            "device": self.workload.device,
            "memory_bytes": int(self.workload.memory_gb * 1e9),
            "repeats": 20,
        }
        found: list[float] = [
            peak
            for _ in range(3)
            for peak in run_job(WORKER, job, self.workload.timeout_s)["peaks_gflops"]
        ]
        return max(found)

    def _job(self, configuration: Configuration) -> dict[str, Any]:
        return {
            "kernel": self.workload.kernel,
            "sources": str(self.sources),
            "bits": BITS[self.cell.bit_width.upper()],
            "shape": dict(self.workload.sizes),
            "settings": dict(configuration),
            "repeats": self.workload.repeats,
            "tolerance": self.workload.tolerance,
            "device": self.workload.device,
            "memory_bytes": int(self.workload.memory_gb * 1e9),
            "seed": time.time_ns() % 2**31,  # fresh inputs for each check
        }
