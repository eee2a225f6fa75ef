"""Kernels whose grid and block are tuned: right at any grid, block, tile and odd size, on real
OpenCL; and ggml's own beside.
"""

import numpy as np
import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic import kernel_roofline as roofline
from haqa_bench.optimizers.rules import Rules
from haqa_bench.study import Method, Study
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Measure
from haqa_bench.tracks.kernel.track import KERNEL, told_of_device
from haqa_bench.tracks.kernel.worker import inputs
from haqa_bench.tracks.kernel.worker.problems import problem
from haqa_bench.trial import Measurement, Source, Status, Trial

PAPER = REPOSITORY / "suites/paper/kernels.yaml"
ROWS = {"GRID_X": 2, "BLOCK_X": 4, "BLOCK_Y": 2, "TILE": 2, "UNROLL": 2, "VEC": 4}
ITEMS = {"GRID_X": 2, "BLOCK_X": 4, "TILE": 4, "UNROLL": 2, "VEC": 4}
MATMUL = {
    "GRID_X": 2,
    "GRID_Y": 2,
    "BLOCK_X": 4,
    "BLOCK_Y": 2,
    "TILE_X": 2,
    "TILE_Y": 4,
    "UNROLL": 2,
    "VEC": 4,
}
SCALAR = {"TILE": 1, "UNROLL": 1, "VEC": 1}
ONE = {"GRID_X": 1, "BLOCK_X": 1}
SHAPES = {
    "grid_softmax": {"columns": 1023, "tokens": 7, "heads": 3},
    "grid_silu": {"columns": 1013, "tokens": 3},
    "grid_rmsnorm": {"columns": 333, "tokens": 5},
    "grid_rope": {"head_size": 44, "tokens": 9, "heads": 3},
    "grid_matmul": {"columns": 131, "tokens": 11, "outputs": 45},
}
"""Odd, so that every loop has a rest."""
CASES = [
    ("grid_softmax", ROWS),
    ("grid_softmax", {**ONE, **SCALAR}),
    ("grid_softmax", {**ROWS, "GRID_X": 64, "BLOCK_X": 64, "VEC": 16, "TILE": 8}),
    ("grid_silu", ITEMS),
    ("grid_silu", {**ONE, **SCALAR}),
    ("grid_silu", {"GRID_X": 3, "BLOCK_X": 256, "TILE": 64, "UNROLL": 4, "VEC": 16}),
    ("grid_rmsnorm", ROWS),
    ("grid_rmsnorm", {**ONE, **SCALAR}),
    ("grid_rmsnorm", {**ROWS, "GRID_X": 5, "BLOCK_X": 64, "VEC": 8}),
    ("grid_rope", ITEMS),
    ("grid_rope", {**ONE, **SCALAR}),
    ("grid_rope", {"GRID_X": 5, "BLOCK_X": 16, "TILE": 2, "UNROLL": 2, "VEC": 16}),
    ("grid_matmul", MATMUL),
    ("grid_matmul", {**ONE, "TILE_X": 1, "UNROLL": 1, "VEC": 1}),
    ("grid_matmul", {**MATMUL, "GRID_X": 1, "TILE_Y": 16, "TILE_X": 4, "VEC": 16}),
]


def error_of(kernel, shape, settings, source=None):
    """The largest error of a kernel at a shape, as a share of the largest value expected."""
    from haqa_bench.tracks.kernel.worker.opencl import Launch, compiled, queue_of

    queue, posed = queue_of(""), problem(kernel, 32, shape, settings, seed=3)
    path = source or FOLDER / f"{kernel}.cl"
    made = compiled(queue.context, path, {**settings, **posed.defines})
    return Launch(queue, made, posed).error()


@pytest.mark.parametrize(("kernel", "settings"), CASES)
def test_a_grid_of_any_size_computes_all_of_an_odd_shape(kernel, settings):
    assert error_of(kernel, SHAPES[kernel], settings) < 1e-5


@pytest.mark.parametrize("kernel", SHAPES)
def test_a_grid_that_does_not_stride_leaves_a_part_undone(kernel, tmp_path):
    text = (FOLDER / f"{kernel}.cl").read_text()
    for header in FOLDER.glob("*.h"):
        (tmp_path / header.name).write_text(header.read_text())
    (tmp_path / f"{kernel}.cl").write_text(text.replace("+= GRID_X *", "+= 100000 * GRID_X *"))
    settings = next(settings for name, settings in CASES if name == kernel)

    assert np.isnan(error_of(kernel, SHAPES[kernel], settings, tmp_path / f"{kernel}.cl"))


def cells():
    return suite.load(PAPER, REPOSITORY).cells


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: KERNEL.suffix(cell.workload))
def test_each_cell_of_the_paper_is_right_at_its_defaults_and_at_the_ends_of_its_space(cell):
    space = cell.space.held
    every = list(space.grid())

    for settings in (space.default, every[0], every[-1]):
        assert error_of(cell.workload.kernel, cell.workload.sizes, dict(settings)) < 1e-4


def test_the_paper_s_shapes_are_fifteen_cells_with_spaces_worth_ten_rounds():
    found = cells()

    assert len({cell.id for cell in found}) == 15
    assert all(500 <= cell.space.size <= 5000 for cell in found)
    assert found[0].space.default["GRID_X"] == 32
    assert found[0].space.default["BLOCK_X"] == 64
    assert found[0].space.default["UNROLL"] == 2


def test_the_default_launches_an_item_for_everything_where_a_row_is_not_shared():
    for cell in cells():
        d, sizes = cell.space.default, cell.workload.sizes
        if cell.workload.kernel == "grid_silu":
            launched = d["GRID_X"] * d["BLOCK_X"] * d["TILE"] * d["VEC"]
            assert launched >= sizes["columns"] * sizes["tokens"]
        if cell.workload.kernel == "grid_rope":
            launched = d["GRID_X"] * d["BLOCK_X"] * d["TILE"] * d["VEC"]
            assert launched >= sizes["tokens"] * sizes["head_size"] // 2
        if cell.workload.kernel == "grid_matmul":
            assert d["GRID_X"] * d["BLOCK_X"] * d["TILE_X"] == sizes["outputs"]


@pytest.mark.parametrize(
    ("kernel", "shape", "least_bytes", "operations"),
    [
        ("grid_softmax", {"tokens": 2, "heads": 3, "columns": 5}, 8 * 30, 5 * 30),
        ("grid_silu", {"tokens": 2, "columns": 7}, 8 * 14, 4 * 14),
        ("grid_rmsnorm", {"tokens": 2, "columns": 7}, 8 * 14, 3 * 14),
        ("grid_rope", {"tokens": 2, "heads": 1, "head_size": 4}, 8 * 8, 3 * 8),
        ("grid_matmul", {"tokens": 3, "columns": 4, "outputs": 5}, 4 * (20 + 27), 2 * 60),
    ],
)
def test_the_work_of_a_kernel_on_a_grid(kernel, shape, least_bytes, operations):
    assert roofline.work(kernel, "FP32", shape) == (least_bytes, operations)


@pytest.mark.parametrize("kernel", SHAPES)
def test_ggml_computes_the_same_on_the_same_inputs(kernel):
    pytest.importorskip("llama_cpp")
    from haqa_bench.backends.process import run_job
    from haqa_bench.tracks.kernel.jobs import MeasureGgml

    settings = next(settings for name, settings in CASES if name == kernel)
    job = MeasureGgml(
        memory_bytes=4 * 10**9,
        kernel=kernel,
        bits=32,
        shape={**SHAPES[kernel], **({"columns": 128} if kernel == "grid_matmul" else {})},
        settings=settings,
        repeats=1,
        seed=5,
    )

    found = run_job(job, 60.0)

    assert found.error < 1e-4
    assert found.times_us[0] > 0


def test_rules_first_guess_what_the_prompt_tells_of_the_device():
    cell = next(
        c for c in cells() if c.workload.kernel == "grid_matmul" and "TILE_Y" in c.space.root
    )
    default = Trial(
        number=0,
        configuration=dict(cell.space.default),
        status=Status.OK,
        measurements=(
            Measurement(
                name="time_us", value=9.0, unit="us", source=Source.MEASURED, samples=(9.0,), used=1
            ),
        ),
    )
    study = Study("paper", cell, Method(name="rules", optimizer="rules"), 0)

    first = Rules(study).ask([default])

    assert told_of_device(cell).compiler.target == "AVX-512 (icelake-client)"
    assert first.configuration == {**cell.space.default, "TILE_Y": 4}
    assert {rule.parameter: rule.value for rule in KERNEL.priors(cell)} == {
        "VEC": 16,
        "TILE_X": 4,
        "TILE_Y": 4,
        "GRID_X": 2,
        "TILE": 4,
        "UNROLL": 4,
    }


def test_kernels_of_other_suites_keep_their_rules():
    cell = suite.load(REPOSITORY / "suites/kernels.yaml", REPOSITORY).cells[0]

    assert list(KERNEL.priors(cell)) == list(KERNEL.rules(cell.hardware))


def test_a_token_has_another_position_each_time():
    shape = {"head_size": 8, "tokens": 1, "heads": 1}
    found = {int(problem("grid_rope", 32, shape, ITEMS, seed).inputs[1][0]) for seed in range(20)}

    assert len(found) > 10
    assert max(found) < 128


@pytest.mark.parametrize("kernel", SHAPES)
def test_another_shape_that_code_is_checked_at_comes_out_even_with_no_vector(kernel):
    job = Measure(
        kernel=kernel,
        sources=str(FOLDER),
        bits=32,
        shape=dict.fromkeys(SHAPES[kernel], 4096),
        settings={},
        repeats=1,
        tolerance=1e-4,
        device="",
        seed=1,
    )
    shape = inputs.odd(job)[0].shape
    along = shape["head_size"] // 2 if "head_size" in shape else shape["columns"]

    assert along % 2 == 1
