"""What benchmarks/random_weights.py says of rounds that were measured."""

import random
import sys
from pathlib import Path

import pytest
from support import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import pages
import random_weights


def rounds(count, twin):
    """Rounds in which the real model varies by 2 %, and its twin is `twin` times as fast."""
    rng = random.Random(0)

    def side(factor):
        value = 100 * factor * rng.uniform(0.99, 1.01)
        return {**dict.fromkeys(random_weights.MEASURED, value), "others_share": 0.0}

    sides = {"real": 1.0, "random": twin, "real again": 1.0}
    return [
        {"key": "Net Q4_0", "number": number} | {name: side(x) for name, x in sides.items()}
        for number in range(count)
    ]


def verdicts(count, twin):
    case = random_weights.Case("Net", "Q4_0", Path("real.gguf"), Path("random.gguf"))
    return list(random_weights.compared([case], rounds(count, twin)))


@pytest.mark.parametrize(
    ("count", "twin", "verdict"),
    [(12, 1.0, "within noise"), (12, 1.1, "differs"), (12, 0.9, "differs"), (1, 1.0, "too few")],
)
def test_a_twin_is_held_against_the_noise_of_the_real_model_itself(count, twin, verdict):
    found = verdicts(count, twin)

    assert [one.metric for one in found] == list(random_weights.MEASURED)
    assert all(one.verdict.startswith(verdict) for one in found)
    assert all((one.floor is None) == (one.interval is None) == (count < 6) for one in found)


def test_the_table_goes_between_the_marks_of_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text((REPOSITORY / "docs/synthetic.md").read_text("utf-8"), "utf-8")

    pages.fill(page, random_weights.TABLE, random_weights.table(verdicts(12, 1.0)))

    told = page.read_text("utf-8")
    assert "| Net | Q4_0 | generation, tokens/s |" in told
    assert all(told.count(mark) == 1 for mark in pages.marks(random_weights.TABLE))
    with pytest.raises(SystemExit, match="has no marks"):
        pages.fill(REPOSITORY / "LICENSE", random_weights.TABLE, "")
