"""The matrix kernels with large spaces: right in every way of their arithmetic, on real OpenCL, at
odd sizes; and spaces that are as large as they say, within what a GPU's groups may hold.
"""

import os
import platform
import random
import re
import shutil
import subprocess
import sys
from math import prod

import numpy as np
import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic.kernel_roofline import BITS
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.errors import Status
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.track import KERNEL
from haqa_bench.tracks.kernel.worker import problems

HEADERS = ("integers.clh", "weights.h")
LARGE = REPOSITORY / "suites/paper/kernels-large.yaml"
SMALL = {
    "tiled_gemv": {"outputs": 37, "columns": 160},
    "tiled_gemm": {"outputs": 37, "columns": 160, "tokens": 11},
}
"""No multiple of a tile, and five blocks of 32."""
GEMV = {
    "LANES": 1,
    "GROUP_ROWS": 4,
    "ROWS": 2,
    "VEC": 8,
    "UNROLL": 4,
    "ORDER": 1,
    "PREFETCH": 0,
    "DOT": 0,
    "LAYOUT": 1,
}
GEMM = {
    "GROUP_ROWS": 2,
    "GROUP_TOKENS": 1,
    "TILE_ROWS": 4,
    "TILE_TOKENS": 4,
    "VEC": 8,
    "DEPTH": 1,
    "ORDER": 0,
    "LAYOUT": 0,
    "DOT": 0,
}
FLOATS = [
    *(("tiled_gemv", bits, GEMV) for bits in (32, 16, 8)),
    *(("tiled_gemv", 4, GEMV | {"UNPACK": n, "VEC": 4}) for n in (0, 1, 2)),
    ("tiled_gemv", 4, GEMV | {"LANES": 32, "GROUP_ROWS": 1, "PREFETCH": 256}),
    ("tiled_gemv", 8, GEMV | {"LANES": 4, "GROUP_ROWS": 16, "ORDER": 0, "ROWS": 4}),
    *(("tiled_gemm", bits, GEMM) for bits in (32, 16, 8)),
    ("tiled_gemm", 4, GEMM | {"UNPACK": 0, "LAYOUT": 1, "DEPTH": 4}),
    ("tiled_gemm", 4, GEMM | {"UNPACK": 2, "ORDER": 1, "GROUP_TOKENS": 4}),
    ("tiled_gemm", 8, GEMM | {"LAYOUT": 1, "ORDER": 1, "VEC": 4, "DEPTH": 4, "TILE_TOKENS": 16}),
    ("tiled_gemm", 32, GEMM | {"LAYOUT": 1, "GROUP_TOKENS": 4, "TILE_TOKENS": 2, "TILE_ROWS": 1}),
]
INTEGERS = [
    *(("tiled_gemv", bits, GEMV | {"DOT": n}) for bits in (4, 8) for n in (1, 2, 3)),
    *(("tiled_gemv", 4, GEMV | {"DOT": n, "VEC": 4, "LAYOUT": 0}) for n in (1, 2, 3)),
    ("tiled_gemv", 8, GEMV | {"DOT": 2, "LANES": 4, "LAYOUT": 0, "ORDER": 0}),
    ("tiled_gemv", 8, GEMV | {"DOT": 3, "LANES": 32, "GROUP_ROWS": 1, "VEC": 4, "PREFETCH": 1024}),
    *(("tiled_gemm", bits, GEMM | {"DOT": n}) for bits in (4, 8) for n in (1, 2, 3)),
    *(("tiled_gemm", 8, GEMM | {"DOT": n, "VEC": 4, "LAYOUT": 1, "DEPTH": 4}) for n in (1, 2, 3)),
    ("tiled_gemm", 4, GEMM | {"DOT": 3, "ORDER": 1, "GROUP_TOKENS": 4, "TILE_TOKENS": 2}),
]
WITHOUT_VNNI = [
    (kernel, bits, settings | {"DOT": 3, "VNNI": 0, "VEC": vec})
    for kernel, settings in (("tiled_gemv", GEMV), ("tiled_gemm", GEMM))
    for bits, vec in ((4, 8), (8, 4))
]


def said(case):
    kernel, bits, settings = case
    base = GEMV if kernel == "tiled_gemv" else GEMM
    other = [f"{name}{value}" for name, value in settings.items() if base.get(name) != value]
    return "-".join([kernel, str(bits), *other])


def launch_of(kernel, bits, settings, shape=None):
    """A kernel with fresh inputs, ready on the first OpenCL device."""
    from haqa_bench.tracks.kernel.worker.opencl import Launch, compiled, queue_of

    queue = queue_of("")
    posed = problems.problem(kernel, bits, shape or SMALL[kernel], settings, seed=3)
    made = compiled(queue.context, FOLDER / f"{kernel}.cl", {**settings, **posed.defines})
    return Launch(queue, made, posed)


@pytest.mark.parametrize("case", [*FLOATS, *INTEGERS, *WITHOUT_VNNI], ids=said)
def test_a_tiled_kernel_gives_what_float64_gives(case):
    assert launch_of(*case).error() < 2e-6


@pytest.mark.parametrize("kernel", SMALL)
def test_what_is_rounded_is_not_what_floats_give(kernel, monkeypatch):
    """Held against products of the activations as they were, integers are wrong by what 8 bits
    cannot say.
    """
    monkeypatch.setattr(problems, "rounded", lambda x: x)
    base = GEMV if kernel == "tiled_gemv" else GEMM

    assert 1e-4 < launch_of(kernel, 8, base | {"DOT": 2}).error() < 0.05


@pytest.mark.parametrize("kernel", SMALL)
def test_an_activation_of_nothing_but_zeros_has_a_scale_of_zero(kernel):
    x = np.zeros((2, 64), np.float32)
    x[1, :32] = np.linspace(-3, 3, 32)

    found = problems.rounded(x)

    assert not found[0].any()
    assert np.abs(found[1] - x[1]).max() <= 3 / 127 / 2 * 1.001


def test_weights_that_are_no_integers_do_not_compile_as_such():
    with pytest.raises(Refused) as caught:
        launch_of("tiled_gemv", 16, GEMV | {"DOT": 1})

    assert caught.value.status == Status.COMPILE_ERROR


def instructions(folder, kernel, bits, settings):
    """The instructions that PoCL compiled a kernel to, which it leaves in a folder."""
    text = f"from test_tiled_kernels import *\nlaunch_of({kernel!r}, {bits}, {settings}).run()"
    paths = os.pathsep.join([str(REPOSITORY / "tests"), str(REPOSITORY)])
    env = {**os.environ, "PYTHONPATH": paths, "POCL_CACHE_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", text], env=env, check=True)
    built = [str(path) for path in folder.rglob("*.so") if kernel in path.name]
    dump = ["objdump", "-d", "--no-show-raw-insn", *built]
    return subprocess.run(dump, check=True, capture_output=True, text=True).stdout


def disassembles():
    from haqa_bench.tracks.kernel.worker.opencl import find

    x86_by_pocl = find("").platform.name.startswith("Portable") and platform.machine() == "x86_64"
    return x86_by_pocl and shutil.which("objdump") is not None


@pytest.mark.parametrize(
    ("settings", "has", "has_not"),
    [
        ({"DOT": 2}, "vpmaddubsw", "vpdpbusd"),
        ({"DOT": 3, "VNNI": 1}, "vpdpbusd", "vpmaddubsw"),
        ({"DOT": 3, "VNNI": 0}, "vpmulld|vpmaddwd|imul|vpmullw", "vpdpbusd"),
    ],
    ids=["pairs", "four", "four-without-VNNI"],
)
def test_a_way_of_the_arithmetic_is_the_instruction_that_it_names(tmp_path, settings, has, has_not):
    if not disassembles() or (settings.get("VNNI") and not has_vnni()):
        pytest.skip("there is no PoCL for such an x86, or no objdump")

    found = instructions(tmp_path, "tiled_gemv", 8, GEMV | settings)

    assert re.search(has, found)
    assert has_not not in found


def has_vnni():
    from haqa_bench.tracks.kernel.worker import opencl

    return opencl.has_vnni(opencl.CPU_INFO)


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        (["sse avx2 avx512vl avx512_vnni"] * 2, True),
        (["sse avx2 avx512vl avx512_vnni", "sse avx2"], False),
        (["sse avx2 avx_vnni"] * 2, False),
        ([], False),
    ],
)
def test_vpdpbusd_is_used_where_every_processor_has_it(tmp_path, flags, has):
    from haqa_bench.tracks.kernel.worker import opencl

    lines = [f"processor\t: {n}\nflags\t\t: {some}\n" for n, some in enumerate(flags)]
    (tmp_path / "cpuinfo").write_text("\n".join(lines))

    assert opencl.has_vnni(tmp_path / "cpuinfo") == has
    assert not opencl.has_vnni(tmp_path / "none")


def cells():
    return suite.load(LARGE, REPOSITORY).cells


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.id)
def test_a_large_space_has_two_thousand_configurations_and_says_so(cell):
    assert 2000 <= cell.space.size <= 6000
    assert cell.space.size == sum(1 for _ in cell.space.grid())


def local_bytes(kernel, settings):
    """What a group holds in local memory, by the arrays that the source declares, with `#if`s that
    hold LANES > 1.
    """
    text = "".join((FOLDER / n).read_text() for n in (f"{kernel}.cl", *HEADERS))
    arrays = re.findall(r"__local float \w+\[([A-Z_ *]+)\];", text)
    assert len(arrays) == len(re.findall(r"__local (?!const)\w+ \w+[\[;]", text))
    return sum(4 * prod(settings[name] for name in size.split(" * ")) for size in arrays)


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.id)
def test_no_group_is_larger_than_any_gpu_has_or_holds_more_than_32_kib(cell):
    kernel = cell.workload.kernel

    for settings in cell.space.grid():
        posed = launched(kernel, settings)
        assert prod(posed) <= 1024
        assert local_bytes(kernel, settings) <= 32 * 1024


def launched(kernel, settings):
    """The work-items of a group."""
    names = ("LANES", "GROUP_ROWS") if kernel == "tiled_gemv" else ("GROUP_ROWS", "GROUP_TOKENS")
    return [settings[name] for name in names]


@pytest.mark.long
@pytest.mark.parametrize("cell", cells(), ids=lambda cell: cell.id)
def test_a_hundred_drawn_configurations_of_a_large_space_are_right(cell):
    rng = random.Random(22)

    for settings in [cell.space.sample(rng) for _ in range(100)]:
        launch = launch_of(cell.workload.kernel, BITS[cell.bit_width], dict(settings))
        assert launch.error() < 2e-6, settings


def test_a_prompt_says_of_tiled_kernels_that_they_may_round_the_activations():
    prompts = Prompts(REPOSITORY / "prompts", hints=True)

    for cell in cells():
        told = prompts.static(cell)
        assert "with DOT 1 to 3 each launch first rounds the activations" in told
        assert "float32 otherwise" not in told
        assert KERNEL.bits(cell) in told


def test_a_prompt_of_other_kernels_says_what_it_said():
    prompts = Prompts(REPOSITORY / "prompts", hints=True)
    known = suite.load(REPOSITORY / "suites/kernels.yaml", REPOSITORY).cells
    cell = next(c for c in known if c.workload.kernel == "gemv" and c.bit_width == "INT4")

    told = prompts.static(cell)

    assert "(llama.cpp's Q4_0), unpacked in the kernel; float32 otherwise" in told
    assert "DOT" not in told
