"""Times ggml's own kernels on a device of ggml's, such as a GPU: `python -m
haqa_bench.tracks.kernel.worker.ggml_on_device < job.json > result.json`.

ggml knows devices by name: CUDA0 where llama-cpp-python was built with CUDA, CPU anywhere. Tensors
lie in the device's memory, and so does what is read to empty its caches. The time is the host's,
from the call until the device is done: ggml tells no other, so that it holds a launch's overhead,
which our kernels' device time does not.
"""

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np

from haqa_bench.backends.workers.frame import Refused, work
from haqa_bench.tracks.kernel.jobs import Measured, MeasureGgmlOnDevice
from haqa_bench.tracks.kernel.worker.ggml import F32, Ggml, InitParams, timed
from haqa_bench.tracks.kernel.worker.problems import Array, problem

METADATA = 16 * 2**20
"""Bytes on the host for what a few tensors and a graph are described by."""
EVICTED = 256 * 2**20
"""Bytes read on the device before each sample: four times the largest cache of a GPU met so far."""


class GgmlOnDevice(Ggml):
    """See Ggml; memory is the device's, and is taken when a graph is made."""

    def __init__(self, on: str) -> None:
        folder = Path(llama_cpp.__file__).parent / "lib"
        self.base, self.devices = (
            ctypes.CDLL(str(next(folder.glob(f"libggml{name}.*")))) for name in ("-base", "")
        )
        self.devices.ggml_backend_load_all()
        self.backend = self._pointer(self.devices.ggml_backend_init_by_name, on.encode(), None)
        if not self.backend:
            raise Refused(f"ggml has no device {on}; it has: {', '.join(self._names())}")
        self.context = self._pointer(self.base.ggml_init, InitParams(METADATA, None, True))
        self.threads = 1
        self.held: list[tuple[ctypes.c_void_p, Array]] = []

    def tensor(self, kind: int, values: Array, *sizes: int) -> ctypes.c_void_p:
        """See Ggml; `values` go to the device with the graph that needs them."""
        shape = (ctypes.c_int64 * len(sizes))(*sizes)
        kinds = (ctypes.c_int(kind), ctypes.c_int(len(sizes)))
        made = self._pointer(self.base.ggml_new_tensor, self.context, *kinds, shape)
        self.held.append((made, np.ascontiguousarray(values)))
        return made

    def graph(self, result: ctypes.c_void_p) -> ctypes.c_void_p:
        """See Ggml."""
        made = super().graph(result)
        if not self._pointer(self.base.ggml_backend_alloc_ctx_tensors, self.context, self.backend):
            raise MemoryError("the device has no memory for the tensors")
        for tensor, values in self.held:
            self._move(self.base.ggml_backend_tensor_set, tensor, values)
        self.held.clear()
        return made

    def values(self, tensor: ctypes.c_void_p, count: int) -> Array:
        """See Ggml."""
        found = np.empty(count, np.float32)
        self._move(self.base.ggml_backend_tensor_get, tensor, found)
        return found

    @staticmethod
    def _move(function: object, tensor: ctypes.c_void_p, values: Array) -> None:
        start = ctypes.c_void_p(values.ctypes.data)
        function(tensor, start, ctypes.c_size_t(0), ctypes.c_size_t(values.nbytes))  # type: ignore[operator]  # ctypes' own

    def _names(self) -> list[str]:
        count, name_of = self.devices.ggml_backend_dev_count, self.base.ggml_backend_dev_name
        count.restype, name_of.restype = ctypes.c_size_t, ctypes.c_char_p
        get = self.devices.ggml_backend_dev_get
        every = (self._pointer(get, ctypes.c_size_t(n)) for n in range(count()))
        return [name_of(one).decode() for one in every]


def measure(job: MeasureGgmlOnDevice) -> Measured:
    """Computes, checks, then times `repeats` times."""
    posed = problem(job.kernel, job.bits, job.shape, job.settings, job.seed)
    ballast = GgmlOnDevice(job.on)
    rows = np.ones((EVICTED // 4096, 1024), np.float32)
    reading = ballast.graph(ballast.call("sum_rows", ballast.tensor(F32, rows, 1024, len(rows))))
    facts = {"ggml": f"llama-cpp-python {llama_cpp.__version__}", "ggml_device": job.on}
    return timed(job, posed, GgmlOnDevice(job.on), lambda: ballast.compute(reading), facts)


if __name__ == "__main__":
    work(measure)
