"""haqa-bench kernel: what it refuses, and one real run."""

import json

import pytest
from support import REPOSITORY

from haqa_bench.errors import HaqaError
from haqa_bench.tracks.kernel import sandbox


def in_suite(cli, *words):
    """Of a suite that the words may name another of."""
    own = ("--project", REPOSITORY, "--suite", REPOSITORY / "suites/kernels.yaml")
    return cli("kernel", words[0], *own, *words[1:])


def test_the_source_to_start_from_is_printed(cli):
    told = in_suite(cli, "softmax", "--print")

    assert told.returncode == 0
    assert "__kernel" in told.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("sofmax",), "'sofmax' is no kernel. Did you mean 'softmax'?"),
        (("softmax", "--source", "none.cl"), "none.cl"),
        (("softmax", "--source", "."), "is a directory"),
        (("softmax", "--cell", "none"), "'none' is no cell of softmax"),
        (("softmax", "--set", "VEX=4"), "'VEX' is no setting"),
        (("softmax", "--set", "VEC=3"), "3 is none of"),
        (("softmax", "--set", "VEC"), "'VEC' is no NAME=NUMBER"),
        (("softmax", "--set", "VEC=4", "--set", "VEC=8"), "given twice"),
        (("softmax", "--shape", "lines=4"), "'lines' is no size"),
        (("softmax", "--shape", "rows=0"), "rows=0 is no size"),
        (
            ("gemv", "--shape", "columns=100"),
            "columns=100: weights lie in blocks of 32. Give a mul",
        ),
        (("gemm", "--shape", "tokens=3,columns=33"), "columns=33: weights lie in blocks of 32"),
        (("rope", "--shape", "head_size=97"), "head_size=97: the halves of a head are rotated"),
        (("rope", "--shape", "head_size=2", "--set", "VEC=4"), "so nothing would be launched"),
        (("softmax", "--shape", "rows=2147483647"), "buffers of 17,592.2 GB, of 1 allowed"),
        (("silu", "--shape", "count=2147483647"), "buffers of 25.8 GB, of 1 allowed"),
        (("gemv", "--shape", "columns=65536,outputs=65536"), "buffers of 2.4 GB, of 1 allowed"),
        (
            ("gemv", "--shape", "columns=32768,outputs=32768", "--bits", "32"),
            "buffers of 4.3 GB, of 1 allowed",
        ),
        (("softmax", "--shape", "rows=-3"), "rows=-3 is no size"),
        (("softmax", "--bits", "4"), "softmax has no weights that are packed"),
        (("gemv", "--suite", REPOSITORY / "suites/device/kernels.yaml"), "only a CPU's OpenCL"),
        (
            ("tiled_gemv", "--suite", REPOSITORY / "suites/paper/kernels-large.yaml"),
            "no kernel that arranges its inputs first",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(cli, words, reason):
    done = in_suite(cli, *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


PAPER = REPOSITORY / "suites/paper/kernels.yaml"


def test_an_odd_head_of_a_kernel_on_a_grid_is_one_line(cli):
    done = in_suite(cli, "grid_rope", "--suite", PAPER, "--shape", "head_size=97")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "head_size=97: the halves of a head are rotated" in done.stderr


@pytest.fixture
def gemv_suite(tmp_path):
    """The suite of kernels, changed, as a file of one's own."""

    def write(old, new):
        text = (REPOSITORY / "suites/kernels.yaml").read_text()
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace(old, new))
        assert path.read_text() != text
        return path

    return write


def test_bits_that_no_kernel_has_are_one_line(cli, gemv_suite):
    path = gemv_suite("bit_widths: [INT4]", "bit_widths: [INT2]")

    done = in_suite(cli, "gemv", "--suite", path)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "gemv: no kernel of bit-width INT2. Known: FP32, FP16, INT8, INT4" in done.stderr


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("{outputs: hidden, columns: 100}", "columns=100: weights lie in blocks of 32"),
        ("{outputs: hidden}", "the shape of gemv has no columns"),
    ],
)
def test_a_cell_whose_shape_cannot_be_is_one_line_that_names_it(cli, gemv_suite, shape, reason):
    path = gemv_suite("{outputs: hidden, columns: hidden}", shape)

    done = in_suite(cli, "gemv", "--suite", path)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"-gemv: {reason}" in done.stderr


def test_a_file_that_is_no_text_is_one_line(cli, tmp_path):
    (tmp_path / "x.cl").write_bytes(b"\x00\xff\xfe")

    done = in_suite(cli, "softmax", "--source", tmp_path / "x.cl")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_kernel_of_one_s_own_is_told_beside_the_one_that_comes(cli, tmp_path):
    pytest.importorskip("pyopencl")
    try:
        sandbox.require()
    except HaqaError as fault:
        pytest.skip(str(fault))
    (tmp_path / "x.cl").write_text("__kernel void softmax(__global float *x, __global float *y) {}")

    done = in_suite(
        cli,
        "softmax",
        "--source",
        tmp_path / "x.cl",
        "--shape",
        "rows=64",
        "--repeats",
        1,
        "--set",
        "LANES=1",
        "--json",
    )

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["shape"] == {"rows": 64, "columns": 1024}
    assert [one["code"] for one in told["found"]][:2] == ["yours", "as it comes"]
    assert [one["status"] for one in told["found"]][:2] == ["wrong_output", "ok"]
    assert told["found"][1]["n"] >= 1
