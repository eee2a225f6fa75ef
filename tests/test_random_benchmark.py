"""What benchmarks/random_weights.py says of rounds that were measured."""

import importlib.util
import random
from pathlib import Path

import pytest
from support import REPOSITORY

PATH = REPOSITORY / "benchmarks/random_weights.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("random_weights_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounds(benchmark, count, twin):
    """Rounds in which the real model varies by 2 %, and its twin is `twin` times as fast."""
    rng = random.Random(0)

    def side(factor):
        value = 100 * factor * rng.uniform(0.99, 1.01)
        return {**dict.fromkeys(benchmark.MEASURED, value), "others_share": 0.0}

    sides = {"real": 1.0, "random": twin, "real again": 1.0}
    return [
        {"key": "Net Q4_0", "number": number} | {name: side(x) for name, x in sides.items()}
        for number in range(count)
    ]


def verdicts(benchmark, count, twin):
    case = benchmark.Case("Net", "Q4_0", Path("real.gguf"), Path("random.gguf"))
    return list(benchmark.compared([case], rounds(benchmark, count, twin)))


@pytest.mark.parametrize(
    ("count", "twin", "verdict"),
    [(12, 1.0, "within noise"), (12, 1.1, "differs"), (12, 0.9, "differs"), (1, 1.0, "too few")],
)
def test_a_twin_is_held_against_the_noise_of_the_real_model_itself(benchmark, count, twin, verdict):
    found = verdicts(benchmark, count, twin)

    assert [one.metric for one in found] == list(benchmark.MEASURED)
    assert all(one.verdict.startswith(verdict) for one in found)
    assert all((one.floor is None) == (one.interval is None) == (count < 6) for one in found)


def test_the_table_goes_between_the_marks_of_the_page(benchmark, tmp_path):
    page = tmp_path / "page.md"
    page.write_text((REPOSITORY / "docs/synthetic.md").read_text("utf-8"), "utf-8")

    benchmark.fill(page, benchmark.table(verdicts(benchmark, 12, 1.0)))

    told = page.read_text("utf-8")
    assert "| Net | Q4_0 | generation, tokens/s |" in told
    assert told.count(benchmark.MARK) == told.count(benchmark.END) == 1
    with pytest.raises(SystemExit, match="has no marks"):
        benchmark.fill(REPOSITORY / "LICENSE", "")
