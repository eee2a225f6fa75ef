"""What a kernel can be launched with: bits that it knows, and a shape that its layouts allow. All
else is told before anything runs, as whoever asked can mend it, and no source is at fault.
"""

from collections.abc import Mapping

from haqa_bench.arithmetic.kernel_roofline import BITS, WORK
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.tracks.kernel.jobs import Measure
from haqa_bench.tracks.kernel.workload import WEIGHTED, KernelWorkload

BLOCK = 32
"""Weights that lie together, as in worker/problems.py."""
ROTATING = ("rope", "grid_rope")
"""Kernels that rotate the halves of a head against each other."""
SHARE = 8
"""Of the memory that is allowed, buffers may take one part in so many: inputs, a reference in
float64 and what is made on the way to it take several times as much.
"""


def bits_of(cell: Cell[KernelWorkload]) -> int:
    """The bits of a weight.

    Raises:
        HaqaError: no kernel has weights of that bit-width.
    """
    name = cell.bit_width.upper()
    if name not in BITS:
        what = f"no kernel of bit-width {cell.bit_width}"
        raise HaqaError(cell.id, what, f"Known: {', '.join(BITS)}")
    return BITS[name]


def check(where: str, kernel: str, shape: Mapping[str, int]) -> None:
    """Raises HaqaError for a shape that lacks a size, or that a kernel's layouts do not allow."""
    try:
        WORK[kernel](max(BITS.values()), shape)
    except KeyError as lacking:
        what = f"the shape of {kernel} has no {lacking.args[0]}"
        raise HaqaError(where, what, "Give it in the suite's workload") from None
    if kernel in WEIGHTED and shape["columns"] % BLOCK:
        what = f"columns={shape['columns']}: weights lie in blocks of {BLOCK}"
        raise HaqaError(where, what, f"Give a multiple of {BLOCK}")
    if kernel in ROTATING and shape["head_size"] % 2:
        what = f"head_size={shape['head_size']}: the halves of a head are rotated"
        raise HaqaError(where, what, "Give an even number")


def check_launch(where: str, job: Measure) -> None:
    """Raises HaqaError for a launch of a shape that is beyond the memory, or of no work-item."""
    needed, most = WORK[job.kernel](job.bits, job.shape).bytes, job.memory_bytes // SHARE
    if most and needed > most:
        sizes = ", ".join(f"{name}={size}" for name, size in job.shape.items())
        what = f"{sizes}: buffers of {needed / 1e9:,.1f} GB, of {most / 1e9:g} allowed"
        todo = "Give smaller sizes with --shape, or more memory_gb in the suite's workload"
        raise HaqaError(where, what, todo)
    vec, size = job.settings.get("VEC", 1), job.shape.get("head_size", 0)
    if job.kernel == "rope" and size // 2 < vec:
        what = f"VEC={vec} is more than half of head_size={size}, so nothing would be launched"
        raise HaqaError(where, what, "Give a smaller one with --set, or a larger head_size")
