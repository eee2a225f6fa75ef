"""The kernel track: what an OpenCL kernel's parameters give (paper: table 3)."""

import importlib.util
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from haqa_bench.backends.opencl.sources import FOLDER, sources_sha256
from haqa_bench.backends.process import run_job
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.evaluators.repeats import estimated, repeated
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration
from haqa_bench.suite import Cell, KernelWorkload

WORKER = "haqa_bench.backends.opencl.worker"
BITS = {"FP32": 32, "FP16": 16, "INT8": 8, "INT4": 4}
"""Bits of a weight by the cell's bit-width. INT8 and INT4 are blocks of 32 with a scale: llama.cpp's Q8_0 and Q4_0."""


class KernelEvaluator:
    """Compiles, checks and times each configuration of a kernel, in a process of its own.

    Metrics: time_us (us, the device's own time of one launch), compile_ms (ms), error (largest, as a share of the largest value).
    """

    optimum: float | None = None

    def __init__(self, cell: Cell, sources: Path = FOLDER) -> None:
        if importlib.util.find_spec("pyopencl") is None:
            raise HaqaError("OpenCL", "pyopencl is not installed", 'Install it with: pip install -e ".[kernels]"')
        if not isinstance(cell.workload, KernelWorkload) or cell.bit_width.upper() not in BITS:
            raise HaqaError(cell.id, f"no kernel of bit-width {cell.bit_width}", f"Known: {', '.join(BITS)}")
        self.cell, self.workload, self.sources = cell, cell.workload, sources

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        from haqa_bench.backends.machine import title

        return title()

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"kernel_sha256": sources_sha256(self.workload.kernel, self.sources)}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, quality: bool) -> Outcome:
        """See Evaluator. The output is checked in every process, on inputs of its own."""
        started = time.perf_counter()
        try:
            result = run_job(WORKER, self._job(configuration), self.workload.timeout_s)
        except EvaluationFailed as failure:
            failure.seconds = time.perf_counter() - started
            raise
        launches = result["times_us"]
        readings = {
            ("time_us", "us"): launches,
            ("compile_ms", "ms"): [1000 * result["compile_s"]],
            ("error", "1"): [result["error"]],
            ("others_share", "1"): [result["others_share"]] * len(launches),
            ("involuntary_switches", "1"): [result["involuntary_switches"]],
        }
        return Outcome(estimated(readings), result["facts"], time.perf_counter() - started)

    def _job(self, configuration: Configuration) -> dict[str, Any]:
        return {
            "kernel": self.workload.kernel,
            "sources": str(self.sources),
            "bits": BITS[self.cell.bit_width.upper()],
            "shape": dict(self.workload.shape),
            "settings": dict(configuration),
            "repeats": self.workload.repeats,
            "tolerance": self.workload.tolerance,
            "device": self.workload.device,
            "memory_bytes": int(self.workload.memory_gb * 1e9),
            "seed": time.time_ns() % 2**31,  # fresh inputs for each check
        }
