"""The roofline of generating text, from a profile; and how it is held against what was measured."""

import pytest
from support import REPOSITORY

from haqa_bench import hardware, suite
from haqa_bench.arithmetic import token_roofline as roofline
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.hardware import Figure
from haqa_bench.project import Project
from haqa_bench.report.found.token_rooflines import Compared, rank_correlation
from haqa_bench.report.tables.bit_widths import flip_probability
from haqa_bench.store import tables
from haqa_bench.tracks.replayed import TableEvaluator
from haqa_bench.trial import Source


def figure(value: float | None, unit: str) -> Figure:
    return Figure(value=value, unit=unit, source="made up")


@pytest.fixture
def device():
    """10 GB/s, int8 native, 1 TFLOPS at FP32, 2 at FP16, 4 TOPS at int8."""
    found = hardware.load(REPOSITORY / "hardware", "oneplus-11")
    rates = {
        "fp32": figure(1.0, "TFLOPS"),
        "fp16": figure(2.0, "TFLOPS"),
        "int8": figure(4.0, "TOPS"),
    }
    return found.model_copy(
        update={
            "bandwidth": figure(10.0, "GB/s"),
            "rates": rates,
            "native_formats": ("fp16", "int8"),
        }
    )


def test_a_token_takes_what_its_bytes_take_where_memory_bounds(device):
    found = roofline.token({"Q8_0": 320_000_000}, 10, device)

    assert found.seconds == pytest.approx(340e6 / 10e9)  # 34 bytes a block of 32
    assert found.bound == "memory"
    assert found.tokens_per_s == pytest.approx(1 / 0.034)


def test_a_format_that_is_not_native_is_unpacked_to_fp16(device):
    assert roofline.weight_seconds("Q8_0", device) == pytest.approx(2 / 4e12)
    assert roofline.weight_seconds("Q4_0", device) == pytest.approx(2 / 2e12 + 2 * 3 / 1e12)
    native = device.model_copy(
        update={"native_formats": ("int4",), "rates": {**device.rates, "int4": figure(8.0, "TOPS")}}
    )
    assert roofline.weight_seconds("IQ4_NL", native) == pytest.approx(2 / 8e12)


def test_unpacking_that_takes_longer_than_reading_makes_int8_the_faster_one(device):
    slow = device.model_copy(update={"rates": {**device.rates, "fp32": figure(0.05, "TFLOPS")}})
    speeds = {
        kind: roofline.token({kind: 10**9}, 1, slow).tokens_per_s for kind in ("Q8_0", "Q4_0")
    }

    assert speeds["Q8_0"] > speeds["Q4_0"]
    assert roofline.token({"Q4_0": 10**9}, 1, slow).bound == "arithmetic"


def test_an_unknown_rate_counts_as_no_time_and_is_told(device):
    unknown = device.model_copy(update={"rates": {"fp32": figure(None, "TFLOPS")}})
    found = roofline.token({"Q4_0": 32 * 10**8}, 1, unknown)

    assert found.seconds == pytest.approx(18e8 / 10e9)
    assert found.bound == "memory (arithmetic unknown)"
    assert (
        roofline.token(
            {"Q4_0": 1}, 1, device.model_copy(update={"bandwidth": figure(None, "GB/s")})
        )
        is None
    )
    assert roofline.token({"MXFP4": 1}, 1, device) is None  # a type that it does not know
    assert "which the profile cannot tell" in roofline.break_even(unknown)


def test_measured_costs_stand_in_for_counted_ones_and_layers_take_time_too(device):
    measured = device.model_copy(
        update={"weight_cost": {"Q8_0": figure(500.0, "ps")}, "layer_overhead": figure(20.0, "us")}
    )
    found = roofline.token(roofline.counted("Q8_0 1000000, F16 1000000"), 30, measured)

    assert found.seconds == pytest.approx(1e6 * 500e-12 + 2e6 / 10e9 + 30 * 20e-6)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("F16", "FP16"),
        ("BF16", "FP16"),
        ("Q8_0", "INT8"),
        ("Q4_K_M", "INT4"),
        ("IQ4_NL", "INT4"),
        ("Q2_K", "INT2"),
        ("own", "own"),
    ],
)
def test_formats_have_bit_widths(name, bits):
    assert bit_width_of(name) == bits


def test_an_order_within_the_noise_may_flip_and_a_clear_one_does_not():
    clear, close = (
        {"a": [10.0, 10.1, 9.9, 10.0], "b": [5.0, 5.1, 4.9, 5.0]},
        {"a": [10.0, 9.0, 10.2, 9.1], "b": [10.1, 9.2, 10.0, 8.9]},
    )

    assert flip_probability(clear, "tokens/s") == 0.0
    assert 0.05 < flip_probability(close, "tokens/s") < 0.6
    assert flip_probability(close | {"c": close["b"]}, "tokens/s") > flip_probability(
        close, "tokens/s"
    )


def test_a_comparison_tells_ranks_and_errors_with_and_without_overlap():
    measured, overlapped = (
        {"a": 20.0, "b": 19.0, "c": 8.0, "d": 5.0},
        {"a": 30.0, "b": 19.0, "c": 8.0, "d": 5.0},
    )
    found = Compared("cell", measured, overlapped, {"a": 5.0, "b": 8.0, "c": 19.0, "d": 20.0})

    assert (
        "4 formats, simulated against measured: rank correlation 1.00, median error 0 "
        "%, largest +50 % (a); if reading" in found.words()
    )
    assert "take turns: rank correlation -1.00" in found.words()
    assert rank_correlation(measured, overlapped) == pytest.approx(1)


def test_simulated_tables_say_so(project):
    """What is read from the table of a device that is not here is `simulated`, never `replayed`."""
    cell = next(
        c for c in suite.load(REPOSITORY / "suites/formats.yaml", REPOSITORY).cells if c.simulated
    )
    table = tables.read(Project(REPOSITORY).table(cell))
    tables.check(table, cell)
    evaluator = TableEvaluator(table, cell)

    assert {m.source for o in evaluator.outcomes.values() for m in o.measurements} == {
        Source.SIMULATED
    }
    again = roofline.token(
        roofline.counted(table.entries['{"format":"Q4_0"}'].facts["multiplied"]),
        cell.model.dimensions["layers"],
        cell.hardware,
    )
    assert evaluator.whole.samples["Q4_0"] == (pytest.approx(again.tokens_per_s),)
