"""Real OpenCL kernels: right on every bit-width, and every fault ends as a trial with the right
status.
"""

import numpy as np
import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic import kernel_roofline as roofline
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.tracks.kernel.evaluator import KernelEvaluator
from haqa_bench.tracks.kernel.jobs import Between, Measured, Peaks
from haqa_bench.tracks.kernel.worker.problems import problem, unpacked, weights

SUITE = """\
name: kernels
models:
  Tiny: {{architecture: llama, parameters: 1, dimensions: {{hidden: 128, feed_forward: 192}}}}
methods: [{{name: default, optimizer: default}}]
seeds: [0]
cells:
  - track: kernel
    models: [Tiny]
    bit_widths: [{bits}]
    hardware: [epyc-zen4-2core]
    space: {space}
    workload: {{kernel: {kernel}, shape: {shape}, repeats: 2, timeout_s: 60.0}}
    measurement: {{processes: 1}}
    objective: {{metric: time_us, unit: us, direction: minimize}}
    budget: {{proposals: 2}}
"""
GEMV = {"LANES": 2, "GROUP_ROWS": 4, "ROWS": 2, "VEC": 4, "UNROLL": 2, "LOCAL_X": 1}
GEMM = {"GROUP_TOKENS": 2, "GROUP_ROWS": 2, "TILE_TOKENS": 3, "TILE_ROWS": 2, "VEC": 4, "ORDER": 0}
SOFTMAX = {"LANES": 4, "GROUP_ROWS": 2, "VEC": 2, "UNROLL": 1, "ONLINE": 1, "NATIVE": 0}
SILU = {"GROUP": 8, "VEC": 4, "ITEMS": 2, "STRIDED": 1, "NATIVE": 0}
RMSNORM = {"LANES": 4, "GROUP_ROWS": 2, "VEC": 4, "UNROLL": 2, "NATIVE": 0}
ROPE = {"GROUP": 8, "VEC": 4, "ITEMS": 2, "TABLE": 1, "NATIVE": 0}
MATRIX = "{outputs: feed_forward, columns: hidden}"
TOKENS = "{outputs: 70, columns: hidden, tokens: 11}"
CASES = [
    *((f"gemv-{b}", "gemv", b, MATRIX, GEMV) for b in ("FP32", "FP16", "INT8", "INT4")),
    *(
        (f"gemv-unpack-{n}", "gemv", "INT4", MATRIX, GEMV | {"UNPACK": n, "VEC": 16, "LANES": 1})
        for n in (0, 1, 2)
    ),
    *((f"gemm-{b}", "gemm", b, TOKENS, GEMM) for b in ("FP32", "FP16", "INT8", "INT4")),
    ("gemm-order", "gemm", "INT8", TOKENS, GEMM | {"ORDER": 1, "VEC": 8}),
    ("softmax", "softmax", "FP32", "{rows: 7, columns: hidden}", SOFTMAX),
    (
        "softmax-passes",
        "softmax",
        "FP32",
        "{rows: [7, 3], columns: hidden}",
        SOFTMAX | {"ONLINE": 0, "NATIVE": 1},
    ),
    (
        "softmax-idle-lanes",
        "softmax",
        "FP32",
        "{rows: 7, columns: hidden}",
        SOFTMAX | {"LANES": 64, "VEC": 4},
    ),
    ("silu", "silu", "FP32", "{count: 1000}", SILU),
    ("silu-side-by-side", "silu", "FP32", "{count: 1000}", SILU | {"STRIDED": 0, "NATIVE": 1}),
    ("rmsnorm", "rmsnorm", "FP32", "{rows: 5, columns: hidden}", RMSNORM),
    (
        "rmsnorm-native",
        "rmsnorm",
        "FP32",
        "{rows: 5, columns: hidden}",
        RMSNORM | {"NATIVE": 1, "VEC": 16},
    ),
    ("rope", "rope", "FP32", "{tokens: 9, heads: 4, head_size: 32}", ROPE),
    (
        "rope-heads-left-over",
        "rope",
        "FP32",
        "{tokens: 9, heads: 9, head_size: 32}",
        ROPE | {"ITEMS": 4},
    ),
    (
        "rope-computed",
        "rope",
        "FP32",
        "{tokens: 9, heads: 4, head_size: 32}",
        ROPE | {"VEC": 1, "ITEMS": 1, "TABLE": 0},
    ),
]


def cell_of(tmp_path, kernel, bits, shape, settings):
    space = {name: {"choices": [value], "default": value} for name, value in settings.items()}
    path = tmp_path / "kernels.yaml"
    path.write_text(
        SUITE.format(kernel=kernel, bits=bits, shape=shape, space=space).replace("'", "")
    )
    return suite.load(path, REPOSITORY).cells[0]


@pytest.mark.parametrize(
    ("kernel", "bits", "shape", "reason"),
    [
        ("gemv", "INT8", "{outputs: 40, columns: 100}", "columns=100: weights lie in blocks of 32"),
        ("rope", "FP32", "{tokens: 9, heads: 4, head_size: 33}", "head_size=33: the halves of a"),
        ("gemv", "INT2", "{outputs: 40, columns: 96}", "no kernel of bit-width INT2"),
    ],
)
def test_a_cell_that_no_launch_can_be_of_is_told_before_anything_runs(
    tmp_path, kernel, bits, shape, reason
):
    settings = ROPE if kernel == "rope" else GEMV
    cell = cell_of(tmp_path, kernel, bits, shape, settings)

    with pytest.raises(HaqaError, match=f"^{cell.id}: {reason}"):
        KernelEvaluator(cell)


@pytest.mark.parametrize(
    ("kernel", "bits", "shape", "settings"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_a_kernel_gives_what_float64_gives(tmp_path, kernel, bits, shape, settings):
    cell = cell_of(tmp_path, kernel, bits, shape, settings)

    outcome = KernelEvaluator(cell).measure(cell.space.default)

    values = {m.name: m.value for m in outcome.measurements}
    assert cell.id == f"tiny-{bits.lower()}-epyc-zen4-2core-{kernel}"
    assert values["error"] < 1e-4
    assert values["time_us"] > 0
    assert values["bandwidth_gb_s"] > 1
    assert values["peak_gflops"] > 1
    assert outcome.facts["device"]


BROKEN = {
    "writes nothing": ("", "wrong_output", "largest error nan"),
    "writes wrong values": (
        "y[get_global_id(1)] = 1.0f;",
        "wrong_output",
        "of the largest value, allowed 1e-04",
    ),
    "does not compile": ("this is no C;", "compile_error", "error"),
    "hangs": ("volatile int on = 1; while (on) {} y[0] = on;", "timeout", "no result within 3 s"),
    "crashes": ("*(volatile __global int *)0 = 1;", "crashed", "SIGSEGV"),
}


@pytest.mark.parametrize(("body", "status", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_kernel_ends_as_a_status(tmp_path, body, status, reason):
    cell = cell_of(tmp_path, "gemv", "INT8", "{outputs: feed_forward, columns: hidden}", GEMV)
    quick = cell.model_copy(
        update={
            "workload": cell.workload.model_copy(
                update={"timeout_s": 3.0 if status == "timeout" else 60.0}
            )
        }
    )
    (tmp_path / "gemv.cl").write_text(
        "__kernel void gemv(__global const uchar *w, __global const float *x, __global "
        f"float *y) {{ {body} }}"
    )

    with pytest.raises(EvaluationFailed) as caught:
        KernelEvaluator(quick, tmp_path).measure(cell.space.default)

    assert caught.value.status == status
    assert reason in caught.value.reason
    assert "/" not in caught.value.reason  # no folder of this machine
    assert caught.value.seconds > 0


def test_a_work_group_that_is_too_large_is_refused(tmp_path):
    cell = cell_of(
        tmp_path,
        "gemv",
        "INT8",
        "{outputs: 65536, columns: 32}",
        GEMV | {"LANES": 1, "GROUP_ROWS": 65536, "ROWS": 1, "LOCAL_X": 0},
    )

    with pytest.raises(EvaluationFailed) as caught:
        KernelEvaluator(cell).measure(cell.space.default)

    assert caught.value.status in ("refused", "compile_error")
    assert "WORK_GROUP" in caught.value.reason.upper()


def test_an_opencl_device_that_is_not_there_names_those_that_are(tmp_path):
    cell = cell_of(tmp_path, "silu", "FP32", "{count: 64}", SILU)
    elsewhere = cell.model_copy(
        update={"workload": cell.workload.model_copy(update={"device": "Adreno"})}
    )

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
    with pytest.raises(
        HaqaError, match=r"the model 'Tiny' has no dimension 'heads', only hidden, feed_forward"
    ):
        cell_of(tmp_path, "gemv", "INT8", "{outputs: heads, columns: hidden}", GEMV)


@pytest.mark.parametrize(
    ("kernel", "bits", "shape", "least_bytes", "operations"),
    [
        (
            "gemv",
            "INT4",
            {"outputs": 4096, "columns": 4096},
            4096 * 4096 * 18 / 32 + 2 * 4 * 4096,
            2 * 4096 * 4096,
        ),
        (
            "gemv",
            "INT8",
            {"outputs": 4096, "columns": 4096},
            4096 * 4096 * 34 / 32 + 2 * 4 * 4096,
            2 * 4096 * 4096,
        ),
        (
            "gemm",
            "FP16",
            {"outputs": 8, "columns": 32, "tokens": 4},
            8 * 32 * 2 + 4 * 4 * 40,
            2 * 8 * 32 * 4,
        ),
        ("softmax", "FP32", {"rows": 3, "columns": 5}, 8 * 15, 5 * 15),
        ("silu", "FP32", {"count": 7}, 12 * 7, 5 * 7),
        ("rmsnorm", "FP32", {"rows": 3, "columns": 5}, 8 * 15 + 20, 4 * 15),
        ("rope", "FP32", {"tokens": 2, "heads": 3, "head_size": 4}, 8 * 24, 3 * 24),
    ],
)
def test_the_work_of_a_kernel_is_what_it_must_move_and_compute(
    kernel, bits, shape, least_bytes, operations
):
    assert roofline.work(kernel, bits, shape) == (least_bytes, operations)


def test_a_roofline_is_set_by_the_scarcer_of_bytes_and_operations():
    few_operations, many = (
        roofline.Work(10_000_000, 1_000_000),
        roofline.Work(10_000_000, 10_000_000_000),
    )

    assert few_operations.least_us(10.0, 100.0) == pytest.approx(1000.0)
    assert few_operations.bound(10.0, 100.0) == "memory"
    assert many.least_us(10.0, 100.0) == pytest.approx(100_000.0)
    assert many.bound(10.0, 100.0) == "arithmetic"


def test_a_sample_taken_while_the_host_lent_a_core_counts_as_disturbed(tmp_path, monkeypatch):
    cell = cell_of(tmp_path, "silu", "FP32", "{count: 64}", SILU)
    evaluator = KernelEvaluator(cell)
    limits = Peaks((200.0,))
    told = Measured((1.0, 2.0), 0.0, 0.01, 0, {}, 0.1, Between((30.0, 30.0), (190.0, 100.0)))
    results = iter([told, limits, limits, limits])
    monkeypatch.setattr(
        "haqa_bench.tracks.kernel.evaluator.run_job", lambda job, timeout_s: next(results)
    )

    outcome = evaluator.sample({}, repeat=1)

    assert {m.name: m.samples for m in outcome.measurements}["others_share"] == (0.01, 0.5)
    assert next(m.value for m in outcome.measurements if m.name == "time_us") == 1.0


def test_a_prompt_for_a_kernel_tells_what_it_computes_where_and_from_what_source(tmp_path):
    cell = cell_of(tmp_path, "gemv", "INT4", MATRIX, GEMV)

    told, without = (
        Prompts(REPOSITORY / "prompts", hints=hints).static(cell) for hints in (True, False)
    )

    assert "gemv, at the sizes of Tiny: outputs 192, columns 128" in told
    assert "4 bits each (llama.cpp's Q4_0)" in told
    assert "__kernel" in told
    assert "AMD EPYC" in told
    assert "AMD EPYC" not in without
    assert "PoCL" not in without


@pytest.mark.parametrize("few", [True, False])
def test_the_device_s_limits_are_read_by_few_work_items_or_by_many(few, monkeypatch):
    import pyopencl as cl

    from haqa_bench.tracks.kernel.worker import opencl

    monkeypatch.setattr(opencl, "is_cpu", lambda device: few)
    queue = opencl.queue_of("")

    limits = opencl.Limits(queue)
    limits.bandwidth()
    read = np.empty(limits.readers, np.float32)
    cl.enqueue_copy(queue, read, limits.results)

    assert read.sum() == pytest.approx(
        limits.caches.bytes / 4, rel=0.02
    )  # each float in the buffer is 1, and is read once
    assert limits.peak() > 1
