"""The kernels as CUDA, where there is no GPU: each compiles for what it would run on, what it
computes is right when it is built for this CPU, and the worker drives a driver as it should.
"""

import ctypes
import random
import shutil
from math import prod

import numpy as np
import pytest
from cuda_on_host import built, launched
from support import REPOSITORY
from test_kernels import CASES, cell_of

from haqa_bench import suite
from haqa_bench.arithmetic.kernel_roofline import BITS
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.worker import cuda, nvrtc
from haqa_bench.tracks.kernel.worker.cuda_source import headers, options, program
from haqa_bench.tracks.kernel.worker.problems import problem

LIMITS = {"VECTORS": 8, "STEPS": 4, "SIDE_BY_SIDE": 1}
SMALL = {"columns": 256, "head_size": 128, "count": 4096}
"""Sizes of a suite's cell are cut down to these, any other to 24: there is little to compute."""


def of_suites():
    """The default and a configuration drawn of each kernel, format and space of the suites."""
    found = {}
    for path in sorted((REPOSITORY / "suites").rglob("*kernels*.yaml")):
        for cell in suite.load(path, REPOSITORY).cells:
            work = cell.workload
            shape = {k: min(v, SMALL.get(k, 24)) for k, v in work.sizes.items()}
            ends = (cell.space.default, cell.space.sample(random.Random(0)))
            for n, settings in enumerate(ends):
                key = f"{work.kernel}-{cell.bit_width}-{path.parent.name}-{('default', 'drawn')[n]}"
                numbers = {k: v for k, v in settings.items() if isinstance(v, int)}
                found.setdefault(key, (work.kernel, BITS[cell.bit_width], shape, numbers))
    return found


REPRESENTATIVE = of_suites()


def compiled_of(kernel, posed, settings, architecture):
    defines = {**settings, **posed.defines}
    return cuda.compiled(FOLDER / f"{kernel}.cl", defines, cuda.groups_of(posed), architecture)


SINES = {"grid_rope"}
"""Kernels that have no table in place of CUDA's own sine, which takes doubles for large angles."""


@pytest.mark.parametrize("case", REPRESENTATIVE.values(), ids=REPRESENTATIVE)
def test_a_kernel_compiles_to_machine_code_of_both_architectures(case):
    kernel, bits, shape, settings = case
    posed = problem(kernel, bits, shape, settings, seed=0)

    for architecture in ("sm_80", "sm_90"):
        assert compiled_of(kernel, posed, settings, architecture)[:4] == b"\x7fELF"


@pytest.mark.parametrize("kernel", sorted({case[0] for case in REPRESENTATIVE.values()}))
def test_a_kernel_s_assembly_has_its_name_its_group_and_no_doubles(kernel):
    _, bits, shape, drawn = next(c for c in REPRESENTATIVE.values() if c[0] == kernel)
    settings = {**drawn, "TABLE": 1}
    posed = problem(kernel, bits, shape, settings, seed=0)

    ptx = compiled_of(kernel, posed, settings, "compute_80").decode()

    assert f".visible .entry {kernel}(" in ptx
    assert f".maxntid {prod(posed.local_size)}" in ptx
    assert (".f64" in ptx) == (kernel in SINES)


def test_every_kernel_is_compiled_here():
    compiled = {case[0] for case in REPRESENTATIVE.values()}

    assert compiled == {path.stem for path in FOLDER.glob("*.cl")} - {"limits"}


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_the_kernels_of_a_device_s_limits_compile(architecture):
    code = cuda.compiled(FOLDER / "limits.cl", LIMITS, (1056,), architecture)

    assert code[:4] == b"\x7fELF"


WITHOUT_GCC = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


@WITHOUT_GCC
@pytest.mark.parametrize(
    ("kernel", "bits", "shape", "settings"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_cuda_form_gives_what_float64_gives(tmp_path, kernel, bits, shape, settings):
    sizes = cell_of(tmp_path, kernel, bits, shape, settings).workload.sizes
    posed = problem(kernel, BITS[bits], sizes, settings, seed=3)
    groups, source = cuda.groups_of(posed), FOLDER / f"{kernel}.cl"
    macros = options({**settings, **posed.defines}, groups, "sm_90")
    library = built(tmp_path, program(source.name, source.read_text()), headers(FOLDER), macros)
    found = np.full(posed.expected.size, np.nan, np.float32)
    held = [np.ascontiguousarray(values) for values in (*posed.inputs, found)]

    addresses = [values.ctypes.data for values in held]
    launched(
        ctypes.CDLL(str(library)), kernel, prod(groups), (*posed.local_size, 1, 1)[:3], addresses
    )

    expected = posed.expected.ravel()
    assert np.max(np.abs(held[-1] - expected)) < 1e-5 * np.max(np.abs(expected))


FUNCTIONS = """
__constant float HALVES[2] = {0.5f, 0.25f};
__kernel __attribute__((reqd_work_group_size(4, 1, 1)))
void several(__global const char *x, __global float *y) {
    __local int4 shared[4];
    const int lane = get_local_id(0);
    const char4 bytes = vload4(lane, x);
    shared[lane] = convert_int4(bytes) * (int4)(1, -2, 3, -4) + (int)2;
    barrier(CLK_LOCAL_MEM_FENCE);
    __local const int4 *other = shared + (lane + 1) % 4;
    const int4 v = *other, w = select((int4)(7), v, v > (int4)(0));
    const float4 f = convert_float4(w) * (float4)((float2)(0.5f), HALVES[0], HALVES[1] * 2.0f);
    const short8 wide = (short8)(convert_short4(bytes), (short4)(1, 2, 3, 4));
    float out[8] = {dot(f, f), max(f, 3.0f).z, min(v.x, v.w), clamp(f, -1.0f, 1.0f).s1,
        as_int(as_char4(0x01fe0304)) + (float)mad24(v.x, 3, 1), (float)wide.lo.w + wide.hi.w,
        convert_char_sat(300.0f * f.x) + convert_uchar_sat_rte(f.y), fmax(f, (float4)(2.0f)).hi.y};
    for (int k = 0; k < 8; k++) y[8 * lane + k] = out[k];
    const int dots = dot_4x8packed_us_int(0xff02807fu, 0x80ff01f0u);
    vstore4((float4)(f.x, f.y, f.z > f.w ? f.z : f.w, dots), 0, y + 32 + 4 * lane);
}
"""


@WITHOUT_GCC
def test_functions_of_vectors_give_the_same_in_both_languages(tmp_path):
    import pyopencl as cl

    from haqa_bench.tracks.kernel.worker.opencl import find

    x = np.arange(-40, 40, 5, np.int8)
    context = cl.Context([find("")])
    queue = cl.CommandQueue(context)
    given = cl.Buffer(context, cl.mem_flags.COPY_HOST_PTR, hostbuf=x)
    result = cl.Buffer(context, cl.mem_flags.READ_WRITE, 4 * 48)
    dots = "".join(
        f"(int)((0xff02807fu >> {k} & 255) * (char)(0x80ff01f0u >> {k})) + " for k in (0, 8, 16)
    )
    opencl = FUNCTIONS.replace(
        "dot_4x8packed_us_int(0xff02807fu, 0x80ff01f0u)",
        f"{dots} (int)((0xff02807fu >> 24) * (char)(0x80ff01f0u >> 24))",
    )
    cl.Program(context, opencl).build().several(queue, (4,), (4,), given, result)
    expected, found = np.empty(48, np.float32), np.full(48, np.nan, np.float32)
    cl.enqueue_copy(queue, expected, result)

    macros = options({}, (1,), "sm_90")
    library = built(tmp_path, program("several.cl", FUNCTIONS), headers(FOLDER), macros)
    launched(ctypes.CDLL(str(library)), "several", 1, (4, 1, 1), [x.ctypes.data, found.ctypes.data])

    assert found.tolist() == expected.tolist()
    assert nvrtc.compiled("several.cu", program("several.cl", FUNCTIONS), headers(FOLDER), macros)
