"""How a tuning divides its minutes: the machine's noise, the search, quality, and the confirmation.

Forecast from bytes and operations alone, so that the same command divides the same time in the same
way tomorrow: what the machine measures of itself has no part in it.
"""

from typing import NamedTuple

from haqa_bench.tune.wish import Wish

READS_PER_S = 15e9
"""Bytes of weights a second, at the least: a guess, of two cores of a server."""
OPERATIONS_PER_S = 75e9
"""Of one core, on products of matrices: a guess, for a core with vectors of 512 bits."""
LOADS_PER_S = 1e9
WINDOW = 512
REPEATS = 2
QUALITY = 0.3
"""Of the time, at most, for holding formats against the reference."""
CONFIRMED = 0.3
"""Of the time, for the winner's pairs; and as much of that again as FLOOR for the default's own."""
FORMATS = 3
"""Formats that are held against the reference, as a rule."""
FEWEST_PAIRS, MOST_PAIRS = 6, 20
FEWEST_WINDOWS, WINDOWS = 6, 16
"""Of 512 tokens: six give an interval; sixteen are 8,192 tokens."""


class Division(NamedTuple):
    """Seconds of the search, None for any; pairs of the winner and of the default with itself;
    processes of a configuration at most; windows of text.
    """

    seconds: float | None
    pairs: int
    floor: int
    processes: int
    windows: int


UNBOUNDED = Division(None, 8, 8, 4, WINDOWS)


def divided(wish: Wish, weights: int, parameters: int, cores: int) -> Division:
    """The division of a wish's minutes, for a model whose default takes `weights` bytes.

    The search gets what is left, and a tenth at least: what does not fit is cut there.
    """
    if wish.minutes is None:
        return UNBOUNDED
    everything = 60 * wish.minutes
    operations = 2.0 * parameters / (OPERATIONS_PER_S * cores)
    sample = wish.n_prompt * operations + wish.n_generate * weights / READS_PER_S
    run = weights / LOADS_PER_S + (1 + REPEATS) * sample
    pairs = min(MOST_PAIRS, max(FEWEST_PAIRS, int(CONFIRMED * everything / (2 * run))))
    window = WINDOW * operations
    windows = int(QUALITY * everything / ((1 + FORMATS) * window))
    windows = min(WINDOWS, max(FEWEST_WINDOWS, windows))
    left = everything - 2 * run * (pairs + FEWEST_PAIRS)
    return Division(max(0.1 * everything, left), pairs, FEWEST_PAIRS, 2, windows)
