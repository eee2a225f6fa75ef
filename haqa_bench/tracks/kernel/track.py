"""The kernel track: what an OpenCL kernel's parameters give (paper: table 3)."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from haqa_bench.arithmetic.kernel_roofline import Work, work
from haqa_bench.cell import Block, Cell, Model
from haqa_bench.hardware import Compiler, Figure, Hardware
from haqa_bench.installed import has
from haqa_bench.protocols import LiveEvaluator, Metric, Reference
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.kernel import sources
from haqa_bench.tracks.kernel.workload import Facts, KernelWorkload, Size
from haqa_bench.tracks.metrics import OTHERS_SHARE, SWITCHES, by_name

GGML = Reference("ggml", "peer")
"""ggml's own kernel: the best known on a CPU."""
ON_GRID = "kernel-grid"
"""The template of kernels whose grid and block are tuned."""
REGISTERS = {"avx512f": 16, "avx2": 8, "neon": 4, "asimd": 4}
"""Floats that a vector register holds, by instruction set."""
FORMATS = {
    "INT4": (
        "weights in blocks of 32 with a half scale, 4 bits each (llama.cpp's Q4_0), unpacked in "
        "the kernel; float32 otherwise"
    ),
    "INT8": (
        "weights in blocks of 32 with a half scale, 8 bits each (llama.cpp's Q8_0), converted in "
        "the kernel; float32 otherwise"
    ),
    "FP16": "weights in half precision, converted in the kernel; float32 otherwise",
    "FP32": "float32",
}
"""What a bit-width means to a kernel, as its prompt says it."""
ROUNDS = (
    "; activations and results are float32; with DOT 1 to 3 each launch first rounds the "
    "activations to 8-bit integers, in blocks of 32 with a float32 scale, and multiplies integers, "
    "with DOT 0 it converts the weights and multiplies floats"
)
ROUNDING = {
    "INT4": "weights in blocks of 32 with a half scale, 4 bits each (llama.cpp's Q4_0)" + ROUNDS,
    "INT8": "weights in blocks of 32 with a half scale, 8 bits each (llama.cpp's Q8_0)" + ROUNDS,
}
"""The same of a kernel that can multiply integers (DOT)."""


class Told(NamedTuple):
    """What a prompt tells of a kernel; `bytes` in millions, so are `operations`."""

    name: str
    format: str
    bytes: float
    operations: float
    source: str


class ToldOfDevice(NamedTuple):
    """What a prompt tells of the device to somebody who writes a kernel for it, as far as it is
    known.
    """

    compiler: Compiler | None
    read_bandwidth: Figure | None
    copy_bandwidth: Figure | None
    noise_floor: Figure | None


class KernelTrack(Track[KernelWorkload]):
    """See Track."""

    name = "kernel"
    tuned = "OpenCL kernels"
    extras = ("kernels",)
    title = "Shortest kernel times found, against the usual constants"
    workload = KernelWorkload
    metrics = by_name(
        Metric("time_us", "us", "minimize", "the device's own time of one launch"),
        Metric("bandwidth_gb_s", "GB/s", "maximize", "of a kernel that only reads"),
        Metric("peak_gflops", "GFLOP/s", "maximize", "of a kernel that only multiplies"),
        Metric("compile_ms", "ms", "minimize", "until the kernel is compiled"),
        Metric("error", "1", "minimize", "the largest, as a share of the largest value", 6),
        OTHERS_SHARE,
        SWITCHES,
    )
    published = "table3"
    peer = GGML
    templates = (ON_GRID, "kernel-facts")

    def part(self, workload: KernelWorkload) -> str:
        """See Track."""
        return workload.kernel

    def source(self, workload: KernelWorkload) -> str:
        """See Track: the kernel's file."""
        return sources.file_of(workload.kernel)

    def work(self, cell: Cell[KernelWorkload]) -> Work:
        """See Track."""
        return work(cell.workload.kernel, cell.bit_width, cell.workload.sizes)

    def check(self, block: Block[KernelWorkload], name: str, model: Model) -> None:
        """See Track."""
        for size in (s for sizes in block.workload.shape.values() for s in _factors(sizes)):
            if isinstance(size, str) and size not in model.dimensions:
                known = ", ".join(model.dimensions) or "none"
                raise ValueError(f"the model '{name}' has no dimension '{size}', only {known}")

    def settings(self, workload: KernelWorkload) -> Collection[str]:
        """See Track: whatever stands in the kernel's source as a macro may."""
        return set(re.findall(r"\b[A-Z][A-Z0-9_]*\b", sources.whole(workload.kernel)))

    def suffix(self, workload: KernelWorkload) -> str:
        """See Track; of a kernel on a grid with its tokens, of which the paper has three each."""
        if not workload.on_grid:
            return workload.kernel
        return f"{workload.kernel.replace('_', '-')}-{workload.shape['tokens']}"

    def frame(self, workload: KernelWorkload) -> str:
        """See Track."""
        return ON_GRID if workload.on_grid else ""

    def peer_is_default(self, workload: KernelWorkload) -> bool:
        """See Track: the paper's default is llama.cpp's kernel."""
        return workload.on_grid

    def resolve(self, workload: KernelWorkload, model: Model) -> KernelWorkload:
        """See Track: the shape in numbers."""
        shape: dict[str, Size | tuple[Size, ...]] = {
            name: math.prod(
                model.dimensions[size] if isinstance(size, str) else size
                for size in _factors(sizes)
            )
            for name, sizes in workload.shape.items()
        }
        return workload.model_copy(update={"shape": shape})

    def evaluator(self, cell: Cell[KernelWorkload]) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.kernel.evaluator import KernelEvaluator

        return KernelEvaluator(cell)

    def references(self, cell: Cell[KernelWorkload]) -> Sequence[Reference]:
        """See Track: ggml's kernel where it is installed, on a CPU or through CUDA."""
        known = cell.hardware.kind == "cpu" or cell.workload.language == "cuda"
        return (GGML,) if known and has("llama_cpp") else ()

    def bits(self, cell: Cell[KernelWorkload]) -> str:
        """See Track."""
        return _format(cell) if cell.bit_width in FORMATS else ""

    def limits(self, workload: KernelWorkload) -> str:
        """See Track."""
        return f"at most {workload.timeout_s:g} s and {workload.memory_gb:g} GB each"

    def words(self, cell: Cell[KernelWorkload]) -> Mapping[str, object]:
        """See Track."""
        kernel = cell.workload.kernel
        needs = work(kernel, cell.bit_width, cell.workload.sizes)
        source = sources.tunable_part(kernel)
        millions = (needs.bytes / 1e6, needs.operations / 1e6)
        of_kernel = Told(kernel, _format(cell), *millions, source)
        told = {"kernel": of_kernel, "headers": sources.headers(kernel)}
        if not cell.workload.on_grid:
            return told
        return {**told, "helpers": sources.helpers(kernel), "device": told_of_device(cell)}

    def priors(self, cell: Cell[KernelWorkload]) -> Iterator[Rule]:
        """See Track: of a kernel on a grid, by what its prompts tell of the device."""
        if cell.workload.on_grid:
            return _by_facts(told_of_device(cell).compiler, cell.hardware)
        return self.rules(cell.hardware)

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track."""
        if hardware.kind == "cpu":
            why = "a core runs a group's work-items one after another: lanes only add barriers"
            yield Rule("LANES", 1, why)
        for name, floats in REGISTERS.items():
            if name in hardware.instruction_sets:
                yield Rule("VEC", floats, "a vector as wide as a register")
        yield Rule("TABLE", 1, "reading a table is cheaper than a sine")
        yield Rule("ORDER", 1, "a tile of weights serves all tokens while it is in the cache")
        yield Rule("NATIVE", 1, "the device's own function, where the tolerance allows it")
        yield Rule("UNROLL", 4, "fewer branches")


def _format(cell: Cell[KernelWorkload]) -> str:
    """What a cell's bit-width means to its kernel."""
    known = {**FORMATS, **ROUNDING} if "DOT" in cell.space.root else FORMATS
    return known[cell.bit_width]


def told_of_device(cell: Cell[KernelWorkload]) -> ToldOfDevice:
    """What is known of the device of a cell: by its workload, or else by its profile."""
    own, hardware = cell.workload.facts or Facts(), cell.hardware
    return ToldOfDevice(
        own.compiler or hardware.compiler,
        own.read_bandwidth or hardware.read_bandwidth,
        own.copy_bandwidth or hardware.copy_bandwidth,
        own.noise_floor,
    )


def _by_facts(compiler: Compiler | None, hardware: Hardware) -> Iterator[Rule]:
    """First guesses for the parameters of kernels on a grid."""
    if compiler:
        yield Rule("VEC", compiler.floats, "a vector as wide as a register of the compiler's")
        across = 2 ** (compiler.registers.bit_length() // 3)
        why = "sums for half of the registers, the rest is for what is multiplied"
        yield Rule("TILE_X", across, why)
        yield Rule("TILE_Y", compiler.registers // 2 // across, why)
    if hardware.cores.value is not None:
        yield Rule("GRID_X", int(hardware.cores.value), "a group for each core")
    yield Rule("TILE", 4, "sums of their own hide the latency of an addition")
    yield Rule("UNROLL", 4, "fewer branches")


def _factors(sizes: Size | tuple[Size, ...]) -> tuple[Size, ...]:
    return sizes if isinstance(sizes, tuple) else (sizes,)


KERNEL = KernelTrack()
