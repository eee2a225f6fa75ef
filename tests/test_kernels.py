"""Real OpenCL kernels: right on every bit-width, and every fault ends as a trial with the right status."""

import numpy as np
import pytest
from conftest import REPOSITORY

from haqa_bench import suite
from haqa_bench.backends.opencl.problems import problem, unpacked, weights
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.evaluators.kernel import KernelEvaluator

SUITE = """\
name: kernels
models:
  Tiny: {{architecture: llama, parameters: 1, dimensions: {{hidden: 128, feed_forward: 192}}}}
methods: [{{name: human, optimizer: human}}]
seeds: [0]
cells:
  - track: kernel
    models: [Tiny]
    bit_widths: [{bits}]
    hardware: [epyc-zen4-2core]
    space: {space}
    workload: {{kernel: {kernel}, shape: {shape}, repeats: 2, timeout_s: 20.0}}
    measurement: {{processes: 1}}
    objective: {{metric: time_us, unit: us, direction: minimize}}
    budget: {{proposals: 2}}
"""
GEMV = {"LANES": 2, "GROUP_ROWS": 4, "ROWS": 2, "VEC": 4, "UNROLL": 2, "LOCAL_X": 1}
GEMM = {"GROUP_TOKENS": 2, "GROUP_ROWS": 2, "TILE_TOKENS": 3, "TILE_ROWS": 2, "VEC": 4, "UNROLL": 1, "UNPACK": 1}
SOFTMAX = {"LANES": 4, "GROUP_ROWS": 2, "VEC": 2, "UNROLL": 1, "ONLINE": 1, "NATIVE": 0}
CASES = [
    *((f"gemv-{b}", "gemv", b, "{outputs: feed_forward, columns: hidden}", GEMV) for b in ("FP32", "FP16", "INT8", "INT4")),
    *((f"gemm-{b}", "gemm", b, "{outputs: 70, columns: hidden, tokens: 11}", GEMM) for b in ("INT8", "INT4")),
    ("gemm-packed", "gemm", "INT4", "{outputs: 70, columns: hidden, tokens: 11}", GEMM | {"UNPACK": 0}),
    ("softmax", "softmax", "FP32", "{rows: 7, columns: hidden}", SOFTMAX),
    ("softmax-passes", "softmax", "FP32", "{rows: 7, columns: hidden}", SOFTMAX | {"ONLINE": 0}),
    ("silu", "silu", "FP32", "{count: 1000}", {"GROUP": 8, "VEC": 4, "ITEMS": 2, "STRIDED": 1, "NATIVE": 0}),
    ("rmsnorm", "rmsnorm", "FP32", "{rows: 5, columns: hidden}", {"LANES": 4, "GROUP_ROWS": 2, "VEC": 4, "UNROLL": 2, "NATIVE": 0}),
    ("rope", "rope", "FP32", "{tokens: 9, heads: 4, head_size: 32}", {"GROUP": 8, "VEC": 4, "ITEMS": 2, "TABLE": 1, "NATIVE": 0}),
    ("rope-computed", "rope", "FP32", "{tokens: 9, heads: 4, head_size: 32}", {"GROUP": 8, "VEC": 1, "ITEMS": 1, "TABLE": 0, "NATIVE": 0}),
]


def cell_of(tmp_path, kernel, bits, shape, settings):
    space = {name: {"choices": [value], "default": value} for name, value in settings.items()}
    path = tmp_path / "kernels.yaml"
    path.write_text(SUITE.format(kernel=kernel, bits=bits, shape=shape, space=space).replace("'", ""))
    return suite.load(path, REPOSITORY).cells[0]


@pytest.mark.parametrize(("kernel", "bits", "shape", "settings"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_kernel_gives_what_float64_gives(tmp_path, kernel, bits, shape, settings):
    cell = cell_of(tmp_path, kernel, bits, shape, settings)

    outcome = KernelEvaluator(cell).measure(cell.space.default)

    values = {m.name: m.value for m in outcome.measurements}
    assert cell.id == f"tiny-{bits.lower()}-epyc-zen4-2core-{kernel}"
    assert values["error"] < 1e-4
    assert values["time_us"] > 0
    assert outcome.facts["device"]


BROKEN = {
    "writes nothing": ("", "wrong_output", "largest error nan"),
    "writes wrong values": ("y[get_global_id(1)] = 1.0f;", "wrong_output", "of the largest value, allowed 1e-04"),
    "does not compile": ("this is no C;", "compile_error", "error"),
    "hangs": ("volatile int on = 1; while (on) {} y[0] = on;", "timeout", "no result within 3 s"),
    "crashes": ("*(volatile __global int *)0 = 1;", "crashed", "SIGSEGV"),
}


@pytest.mark.parametrize(("body", "status", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_kernel_ends_as_a_status(tmp_path, body, status, reason):
    cell = cell_of(tmp_path, "gemv", "INT8", "{outputs: feed_forward, columns: hidden}", GEMV)
    quick = cell.model_copy(update={"workload": cell.workload.model_copy(update={"timeout_s": 3.0 if status == "timeout" else 20.0})})
    (tmp_path / "gemv.cl").write_text(
        f"__kernel void gemv(__global const uchar *w, __global const float *x, __global float *y) {{ {body} }}"
    )

    with pytest.raises(EvaluationFailed) as caught:
        KernelEvaluator(quick, tmp_path).measure(cell.space.default)

    assert caught.value.status == status
    assert reason in caught.value.reason
    assert caught.value.seconds > 0


def test_a_work_group_that_is_too_large_is_refused(tmp_path):
    cell = cell_of(
        tmp_path, "gemv", "INT8", "{outputs: 65536, columns: 32}", GEMV | {"LANES": 1, "GROUP_ROWS": 65536, "ROWS": 1, "LOCAL_X": 0}
    )

    with pytest.raises(EvaluationFailed) as caught:
        KernelEvaluator(cell).measure(cell.space.default)

    assert caught.value.status in ("refused", "compile_error")
    assert "WORK_GROUP" in caught.value.reason.upper()


def test_an_opencl_device_that_is_not_there_names_those_that_are(tmp_path):
    cell = cell_of(tmp_path, "silu", "FP32", "{count: 64}", {"GROUP": 8, "VEC": 4, "ITEMS": 1, "STRIDED": 1, "NATIVE": 0})
    elsewhere = cell.model_copy(update={"workload": cell.workload.model_copy(update={"device": "Adreno"})})

    with pytest.raises(EvaluationFailed, match="no OpenCL device 'Adreno'; there are: "):
        KernelEvaluator(elsewhere).measure(cell.space.default)


def test_weights_are_packed_as_llama_cpp_packs_them():
    rng = np.random.default_rng(0)
    four, eight = weights(4, 2, 64, rng), weights(8, 2, 64, rng)

    assert four.shape == (4, 18)
    assert eight.shape == (4, 34)
    block = np.zeros((1, 18), np.uint8)
    block[0, :2] = np.array([0.5], np.float16).view(np.uint8)
    block[0, 2] = 0xF1  # the first value's nibble is 1, the seventeenth's is 15
    assert unpacked(4, block)[0, 0] == 0.5 * (1 - 8)
    assert unpacked(4, block)[0, 16] == 0.5 * (15 - 8)


def test_inputs_are_fresh_for_each_seed():
    shape, settings = {"count": 64}, {"GROUP": 8, "VEC": 4, "ITEMS": 1}

    one, two, again = (problem("silu", 32, shape, settings, seed) for seed in (1, 2, 1))

    assert not np.array_equal(one.inputs[0], two.inputs[0])
    assert np.array_equal(one.expected, again.expected)


def test_a_shape_that_the_model_has_no_dimension_for_is_one_clear_line(tmp_path):
    with pytest.raises(HaqaError, match=r"the model 'Tiny' has no dimension 'heads', only hidden, feed_forward"):
        cell_of(tmp_path, "gemv", "INT8", "{outputs: heads, columns: hidden}", GEMV)
