"""What one trial of the kernel track runs."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from haqa_bench.cell import Workload
from haqa_bench.documents import Document
from haqa_bench.hardware import Compiler, Figure, Hardware

Language = Literal["opencl", "cuda"]
Size = Annotated[int, Field(ge=1)] | str


class Facts(Document):
    """What somebody who writes a kernel asks of the device, and its hardware profile does not say:
    what the compiler makes code for, what all cores read and copy (GB/s), and below what share two
    times are the same (%). What both say, these say for the kernel.
    """

    compiler: Compiler | None = None
    read_bandwidth: Figure | None = None
    copy_bandwidth: Figure | None = None
    noise_floor: Figure | None = None


Grid = Literal["grid_softmax", "grid_silu", "grid_rmsnorm", "grid_rope", "grid_matmul"]
"""Kernels whose grid and block are tuned, at the paper's shapes, which name `tokens`; ggml's own is
the default that they are held against.
"""
GRIDS: tuple[str, ...] = get_args(Grid)


ARRANGING = ("tiled_gemv", "tiled_gemm")
"""Kernels that arrange their inputs first, for which the sandbox has no place."""
OUTSIDE = "only a CPU's OpenCL is in the sandbox, and no kernel that arranges its inputs first"
"""Why other code is not run."""
WEIGHTED = ("gemv", "gemm", *ARRANGING)
"""Kernels that unpack weights."""


class KernelWorkload(Workload):
    """What one trial of the kernel track runs: an OpenCL kernel, checked once against float64, then
    launched `repeats` times.

    `shape` gives each of the kernel's sizes as a number, as the name of a dimension of the model,
    or as a list of those: their product. `tolerance` is the largest error allowed, as a share of
    the largest value expected; `device` picks an OpenCL device by a part of its name, the first
    when empty. `language` is what the source is compiled as: cuda takes an NVIDIA GPU. `facts` are
    for the prompts, and first guesses, of kernels on a grid.
    """

    kernel: Literal[
        "gemv", "gemm", "tiled_gemv", "tiled_gemm", "softmax", "silu", "rmsnorm", "rope", Grid
    ]
    shape: dict[str, Size | tuple[Size, ...]]
    repeats: int = Field(10, ge=1)
    tolerance: float = Field(1e-4, gt=0)
    device: str = ""
    language: Language = Field("opencl", exclude_if=lambda language: language == "opencl")
    timeout_s: float = 60.0
    memory_gb: float = 8.0
    facts: Facts | None = Field(None, exclude_if=lambda known: known is None)

    def in_sandbox(self, hardware: Hardware) -> bool:
        """Whether the sandbox has a place for the kernel on some hardware."""
        on_cpu = hardware.kind == "cpu" and self.language == "opencl"
        return on_cpu and self.kernel not in ARRANGING

    @property
    def on_grid(self) -> bool:
        """Whether the kernel's grid and block are tuned."""
        return self.kernel in GRIDS

    @property
    def sizes(self) -> Mapping[str, int]:
        """The shape of a resolved cell, where every size is a number."""
        return {name: size for name, size in self.shape.items() if isinstance(size, int)}
