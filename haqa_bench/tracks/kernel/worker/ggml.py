"""Times ggml's own kernels, in a process of its own: `python -m
haqa_bench.tracks.kernel.worker.ggml < job.json > result.json`.

ggml comes with llama-cpp-python, which calls none of its operations by themselves; its C interface
is called here as ggml.h declares it. The operation runs on ggml's CPU backend with as many threads
as cores, on the inputs that our kernels get, and its output is checked too: it rounds activations
to 8 bits (INT4, INT8) or to half (FP16) before it multiplies, which ours do not, so more error is
allowed.
"""

import ctypes
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from haqa_bench.backends.workers.caches import Caches, on_pages
from haqa_bench.backends.workers.frame import Refused, work
from haqa_bench.backends.workers.load import cpu_times, involuntary_switches, others_share
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel.jobs import Measured, MeasureGgml
from haqa_bench.tracks.kernel.worker.problems import EPSILON, Array, Problem, Shape, problem

TOLERANCE = 0.03
WARM_UPS = 3
F32, I32 = 0, 26
TYPES = {32: F32, 16: 1, 8: 8, 4: 2}
"""ggml's numbers for F32, F16, Q8_0 and Q4_0, by the bits of a weight."""
HALVES = 2
"""ggml's rope mode that rotates the halves of a head against each other."""


class InitParams(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


class Ggml:
    """As much of ggml as one operation needs: tensors in one context, a graph of what was asked
    for, threads that stay.
    """

    def __init__(self, memory: int, threads: int) -> None:
        self.threads = threads
        folder = Path(llama_cpp.__file__).parent / "lib"
        self.base, self.cpu = (
            ctypes.CDLL(str(next(folder.glob(f"libggml-{name}.*")))) for name in ("base", "cpu")
        )
        self.memory = on_pages(memory)
        room = InitParams(memory, self.memory.ctypes.data, False)
        self.context = self._pointer(self.base.ggml_init, room)
        self.backend = self._pointer(self.cpu.ggml_backend_cpu_init)
        self.cpu.ggml_backend_cpu_set_n_threads(self.backend, ctypes.c_int(threads))
        settings = ctypes.create_string_buffer(4096)  # ggml fills it, and alone knows what is where
        self.base.ggml_threadpool_params_init(settings, ctypes.c_int(threads))
        pool = self._pointer(self.cpu.ggml_threadpool_new, settings)
        self.cpu.ggml_backend_cpu_set_threadpool(self.backend, pool)

    def tensor(self, kind: int, values: Array, *sizes: int) -> ctypes.c_void_p:
        """A tensor of ggml's type `kind` that holds `values`; ggml gives the innermost size
        first.
        """
        shape = (ctypes.c_int64 * len(sizes))(*sizes)
        made = self._pointer(
            self.base.ggml_new_tensor,
            self.context,
            ctypes.c_int(kind),
            ctypes.c_int(len(sizes)),
            shape,
        )
        ctypes.memmove(
            self._pointer(self.base.ggml_get_data, made),
            np.ascontiguousarray(values).ctypes.data,
            values.nbytes,
        )
        return made

    def call(self, name: str, *arguments: object) -> ctypes.c_void_p:
        """The result of ggml_NAME in this context, as a tensor still to be computed."""
        return self._pointer(getattr(self.base, f"ggml_{name}"), self.context, *arguments)

    def graph(self, result: ctypes.c_void_p) -> ctypes.c_void_p:
        """What has to be computed for `result`."""
        made = self._pointer(self.base.ggml_new_graph, self.context)
        self.base.ggml_build_forward_expand(made, result)
        return made

    def compute(self, graph: ctypes.c_void_p) -> float:
        """Computes, and says how long that took, in microseconds."""
        started = time.perf_counter_ns()
        self.base.ggml_backend_graph_compute(self.backend, graph)
        return (time.perf_counter_ns() - started) / 1000

    def used(self) -> Array:
        """The bytes in which all tensors lie."""
        self.base.ggml_used_mem.restype = ctypes.c_size_t
        return self.memory[: self.base.ggml_used_mem(self.context)]

    def values(self, tensor: ctypes.c_void_p, count: int) -> Array:
        """The floats of a tensor that was computed."""
        data = ctypes.cast(
            self._pointer(self.base.ggml_get_data, tensor), ctypes.POINTER(ctypes.c_float)
        )
        return np.array(np.ctypeslib.as_array(data, (count,)))

    @staticmethod
    def _pointer(function: Any, *arguments: object) -> ctypes.c_void_p:
        function.restype = ctypes.c_void_p
        return ctypes.c_void_p(function(*arguments))


def _soft_max(ggml: Ggml, shape: Shape, inputs: list[Array]) -> ctypes.c_void_p:
    rows = shape["tokens"] * shape["heads"]
    return ggml.call("soft_max", ggml.tensor(F32, inputs[0], shape["columns"], rows))


def _silu(ggml: Ggml, shape: Shape, inputs: list[Array]) -> ctypes.c_void_p:
    """Of the tensor as it comes: ggml gives each thread whole rows, so one token has one thread."""
    return ggml.call("silu", ggml.tensor(F32, inputs[0], shape["columns"], shape["tokens"]))


def _rms_norm(ggml: Ggml, shape: Shape, inputs: list[Array]) -> ctypes.c_void_p:
    rows = ggml.tensor(F32, inputs[0], shape["columns"], shape["tokens"])
    return ggml.call("rms_norm", rows, ctypes.c_float(EPSILON))


def _rope(ggml: Ggml, shape: Shape, inputs: list[Array]) -> ctypes.c_void_p:
    size, tokens = shape["head_size"], shape["tokens"]
    heads = ggml.tensor(F32, inputs[0], size, shape["heads"], tokens)
    positions = ggml.tensor(I32, inputs[1], tokens)
    return ggml.call("rope", heads, positions, ctypes.c_int(size), ctypes.c_int(HALVES))


def _mul_mat(ggml: Ggml, shape: Shape, inputs: list[Array]) -> ctypes.c_void_p:
    weights = ggml.tensor(F32, inputs[0], shape["columns"], shape["outputs"])
    return ggml.call(
        "mul_mat", weights, ggml.tensor(F32, inputs[1], shape["columns"], shape["tokens"])
    )


OF_GRIDS: Mapping[str, Callable[[Ggml, Shape, list[Array]], ctypes.c_void_p]] = {
    "grid_softmax": _soft_max,
    "grid_silu": _silu,
    "grid_rmsnorm": _rms_norm,
    "grid_rope": _rope,
    "grid_matmul": _mul_mat,
}
"""ggml's operation on the tensors of the paper's shapes, one operation to a kernel."""


def _little(ggml: Ggml) -> ctypes.c_void_p:
    """A graph that takes next to nothing, and wakes ggml's threads: a kernel of some microseconds
    is else timed with their waking, which ours, that follow a reading by the same threads, are not.
    """
    shape = {"tokens": 8 * ggml.threads, "columns": 32}
    values = np.ones((shape["tokens"], shape["columns"]), np.float32)
    return ggml.graph(_rms_norm(ggml, shape, [values]))


def operation(
    ggml: Ggml, kernel: str, bits: int, shape: Shape, inputs: list[Array]
) -> ctypes.c_void_p:
    """ggml's operation for a kernel, on the kernel's inputs."""
    if kernel in OF_GRIDS:
        return OF_GRIDS[kernel](ggml, shape, inputs)
    if kernel in ("gemv", "gemm", "tiled_gemv", "tiled_gemm"):
        weights = ggml.tensor(TYPES[bits], inputs[0], shape["columns"], shape["outputs"])
        return ggml.call(
            "mul_mat",
            weights,
            ggml.tensor(F32, inputs[1], shape["columns"], shape.get("tokens", 1)),
        )
    if kernel == "softmax":
        return ggml.call("soft_max", ggml.tensor(F32, inputs[0], shape["columns"], shape["rows"]))
    if kernel == "silu":
        rows = next(
            n for n in range(ggml.threads, 0, -1) if shape["count"] % n == 0
        )  # it gives each thread whole rows
        return ggml.call(
            "swiglu_split",
            *(ggml.tensor(F32, values, shape["count"] // rows, rows) for values in inputs),
        )
    if kernel == "rmsnorm":
        normed = ggml.call(
            "rms_norm",
            ggml.tensor(F32, inputs[0], shape["columns"], shape["rows"]),
            ctypes.c_float(1e-5),
        )
        return ggml.call("mul", normed, ggml.tensor(F32, inputs[1], shape["columns"]))
    heads = ggml.tensor(F32, inputs[0], shape["head_size"], shape["heads"], shape["tokens"])
    positions = ggml.tensor(I32, np.arange(shape["tokens"], dtype=np.int32), shape["tokens"])
    return ggml.call(
        "rope", heads, positions, ctypes.c_int(shape["head_size"]), ctypes.c_int(HALVES)
    )


def measure(job: MeasureGgml) -> Measured:
    """Computes, checks, then times `repeats` times; before each, the caches are emptied, as before
    our kernels.
    """
    posed = problem(job.kernel, job.bits, job.shape, job.settings, job.seed)
    threads = os.cpu_count() or 1
    size = sum(values.nbytes for values in posed.inputs) + 12 * posed.expected.size + 64 * 2**20
    caches, ggml = Caches(), Ggml(size, threads)
    facts = {"ggml": f"llama-cpp-python {llama_cpp.__version__}", "threads": str(threads)}
    facts["caches"] = caches.how
    return timed(job, posed, ggml, lambda: caches.empty(ggml.used()), facts)


def timed(
    job: MeasureGgml,
    posed: Problem,
    ggml: Ggml,
    evict: Callable[[], object],
    facts: Mapping[str, str],
) -> Measured:
    """What one operation takes, checked first; `evict` empties the caches before each sample."""
    result = operation(ggml, job.kernel, job.bits, job.shape, list(posed.inputs))
    graph = ggml.graph(result)
    for _ in range(WARM_UPS):
        ggml.compute(graph)
    error = checked(ggml.values(result, posed.expected.size), posed)
    first, samples = _little(ggml) if job.kernel in OF_GRIDS else None, []
    before, began, switches = cpu_times(), time.perf_counter(), involuntary_switches()
    for _ in range(job.repeats):
        evict()
        if first:
            ggml.compute(first)
        samples.append(ggml.compute(graph))
    return Measured(
        times_us=tuple(samples),
        error=error,
        others_share=others_share(before, cpu_times(), time.perf_counter() - began),
        involuntary_switches=involuntary_switches() - switches,
        facts=facts,
    )


def checked(found: Array, posed: Problem) -> float:
    """The largest error of an output, as a share of the largest value expected.

    Raises:
        Refused: it is too large.
    """
    expected = posed.expected.ravel()
    error = float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))
    if not error <= TOLERANCE:  # NaN is not
        raise Refused(
            f"ggml: largest error {error:.2e} of the largest value, allowed {TOLERANCE:.0e}",
            Status.WRONG_OUTPUT,
        )
    return error


if __name__ == "__main__":
    work(measure)
