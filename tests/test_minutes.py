"""How a tuning divides its minutes."""

import pytest

from haqa_bench.tune import kept
from haqa_bench.tune.minutes import FEWEST_PAIRS, MOST_PAIRS, UNBOUNDED, WINDOWS, divided
from haqa_bench.tune.wish import Wish

WISH = Wish("m.gguf", 10**9, kept.limits("kl=0.05"), "total", 20, "rules", 4096, 256, 64)
SMALL = (100 * 10**6, 135 * 10**6)
LARGE = (8 * 10**9, 8 * 10**9)


def test_without_minutes_nothing_is_bounded():
    assert divided(WISH, *SMALL, 2) == UNBOUNDED


@pytest.mark.parametrize("model", [SMALL, LARGE])
@pytest.mark.parametrize("minutes", [1, 10, 60, 1000])
def test_search_pairs_and_windows_stay_within_their_bounds(model, minutes):
    found = divided(WISH._replace(minutes=minutes), *model, 2)

    assert FEWEST_PAIRS <= found.pairs <= MOST_PAIRS
    assert 6 <= found.windows <= WINDOWS
    assert 6 * minutes <= found.seconds <= 60 * minutes


def test_more_minutes_give_more_of_everything_and_a_larger_model_takes_more_of_them():
    few, many = (divided(WISH._replace(minutes=m), *SMALL, 2) for m in (3, 30))
    large = divided(WISH._replace(minutes=30), *LARGE, 2)

    assert (many.seconds, many.pairs) > (few.seconds, few.pairs)
    assert many.windows == WINDOWS > large.windows
    assert large.pairs < many.pairs
