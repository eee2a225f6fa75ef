"""What one trial of the kernel track runs."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from haqa_bench.cell import Workload

Language = Literal["opencl", "cuda"]
Size = Annotated[int, Field(ge=1)] | str


class KernelWorkload(Workload):
    """What one trial of the kernel track runs: an OpenCL kernel, checked once against float64, then
    launched `repeats` times.

    `shape` gives each of the kernel's sizes as a number, as the name of a dimension of the model,
    or as a list of those: their product. `tolerance` is the largest error allowed, as a share of
    the largest value expected; `device` picks an OpenCL device by a part of its name, the first
    when empty. `language` is what the source is compiled as: cuda takes an NVIDIA GPU.
    """

    kernel: Literal[
        "gemv", "gemm", "tiled_gemv", "tiled_gemm", "softmax", "silu", "rmsnorm", "rope"
    ]
    shape: dict[str, Size | tuple[Size, ...]]
    repeats: int = Field(10, ge=1)
    tolerance: float = Field(1e-4, gt=0)
    device: str = ""
    language: Language = Field("opencl", exclude_if=lambda language: language == "opencl")
    timeout_s: float = 60.0
    memory_gb: float = 8.0

    @property
    def sizes(self) -> Mapping[str, int]:
        """The shape of a resolved cell, where every size is a number."""
        return {name: size for name, size in self.shape.items() if isinstance(size, int)}
