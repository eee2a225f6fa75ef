"""How a tuning divides its minutes."""

import pytest

from haqa_bench.tune import kept
from haqa_bench.tune.minutes import FEWEST_PAIRS, MOST_PAIRS, UNBOUNDED, WINDOWS, divided
from haqa_bench.tune.wish import Serving, Wish

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
    assert found.seconds + (found.reserve or 0) <= 60 * minutes + 1e-6


def test_a_model_on_a_gpu_leaves_more_of_the_minutes_for_the_search():
    wish = WISH._replace(minutes=15)

    cpu, half, gpu = (divided(wish, *LARGE, 8, share) for share in (0.0, 0.5, 1.0))

    assert cpu.longer > 15
    assert cpu.seconds == 90  # a tenth
    assert gpu.longer is None
    assert gpu.seconds > 300
    assert cpu.windows <= half.windows <= gpu.windows
    assert cpu.pairs <= half.pairs <= gpu.pairs


def test_the_reference_is_read_by_the_cpu_whatever_lies_on_a_gpu():
    wish = WISH._replace(minutes=60)

    one, eight = (divided(wish, *LARGE, cores, 1.0).windows for cores in (1, 8))

    # 0.3 x 3600 s; of a window, the reference takes 109 s, and three formats 0.8 s each
    assert one == 9
    assert eight == WINDOWS


def test_a_server_on_a_gpu_takes_less_of_the_minutes():
    wish = WISH._replace(minutes=30, serving=Serving(4, (64, 256), (32, 96), 2, 1, 1))

    cpu, gpu = (divided(wish, *LARGE, 8, share) for share in (0.0, 1.0))

    assert cpu.longer > 30
    assert gpu.longer is None
    assert gpu.seconds > 10 * 60


def test_the_reserve_is_the_time_of_the_pairs():
    found = divided(WISH._replace(minutes=10), *LARGE, 2)

    assert found.seconds == 60
    assert found.reserve == 540


def test_more_minutes_give_more_of_everything_and_a_larger_model_takes_more_of_them():
    few, many = (divided(WISH._replace(minutes=m), *SMALL, 2) for m in (3, 30))
    large = divided(WISH._replace(minutes=30), *LARGE, 2)

    assert (many.seconds, many.pairs) > (few.seconds, few.pairs)
    assert many.windows == WINDOWS > large.windows
    assert large.pairs < many.pairs


def test_several_users_take_longer_and_more_of_them_longer_still():
    few, many = (
        divided(
            WISH._replace(minutes=30, serving=Serving(n, (64, 256), (32, 96), 2, 1, 1)), *SMALL, 2
        )
        for n in (4, 64)
    )

    assert many.seconds < few.seconds < divided(WISH._replace(minutes=30), *SMALL, 2).seconds
    assert few.longer is None
    assert many.longer > 30


def test_a_deep_cache_takes_its_time_from_the_search_and_is_told_where_it_takes_more():
    deep = WISH._replace(minutes=30, depth=65_536, n_ctx=2**17)

    small, large = (divided(deep, *model, 2) for model in (SMALL, LARGE))

    plain, filling = divided(WISH._replace(minutes=30), *SMALL, 2), 65_536 * 2 * 135e6 / 150e9
    assert small.seconds == pytest.approx(plain.seconds - filling)
    assert (small.pairs, small.windows) == (plain.pairs, plain.windows)
    assert large.seconds == pytest.approx(65_536 * 2 * 8e9 / 150e9)
    assert large.longer > 2 * large.seconds / 60


def test_minutes_that_hold_no_confirmation_are_told():
    assert divided(WISH._replace(minutes=1), *LARGE, 2).longer > 5
    assert divided(WISH._replace(minutes=60), *SMALL, 2).longer is None
