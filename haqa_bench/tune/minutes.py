"""How a tuning divides its minutes: the machine's noise, the search, quality, and the confirmation.

Forecast from bytes and operations alone, so that the same command divides the same time in the same
way tomorrow: what the machine measures of itself has no part in it.
"""

from collections.abc import Mapping
from statistics import mean
from typing import NamedTuple

from haqa_bench.arithmetic.formats import form_of
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tune.wish import Serving, Wish

READS_PER_S = 15e9
"""Bytes of weights a second, at the least: a guess, of two cores of a server."""
OPERATIONS_PER_S = 75e9
"""Of one core, on products of matrices: a guess, for a core with vectors of 512 bits."""
DEVICE_READS_PER_S = 200e9
"""Of a GPU with memory of its own: a guess, below that of the smaller ones."""
DEVICE_OPERATIONS_PER_S = 10e12
"""Of such a GPU, on products of matrices: a guess."""
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
MATRIX = 0.1
"""Of the time, at most, for making an importance matrix."""
FEWEST_CHUNKS, CHUNKS = 8, 128
"""Of 512 tokens, that a matrix is made of."""
COLLECTED = 3
"""How many times as long it takes to read tokens and collect a matrix as to read them: a guess."""

MADE_PER_S = 20e6
"""Weights that llama.cpp's quantizer rounds in a second of a core: a guess, for all but the next.
"""
SLOWLY_MADE: Mapping[str, float] = {
    "Q5_K_M": 8e6,
    "IQ4_NL": 3e6,
    "IQ3_S": 2.3e6,
    "IQ3_XXS": 2.3e6,
    "IQ2_S": 1e6,
    "IQ2_XS": 2.5e6,
    "IQ2_XXS": 2.5e6,
}
"""The same of formats for which it searches long. Evidence: docs/LOG.md, 2026-11-30."""
MAKING = 0.2
"""Of the time, at most, for making the file of one format."""


class Division(NamedTuple):
    """Seconds of the search, None for any; pairs of the winner and of the default with itself;
    processes of a configuration at most; windows of text. `longer` is the minutes that all takes
    by the forecast, where those are more than were wished for. `reserve` are the seconds of the
    pairs, as far as they lie within the minutes: the search goes on in them while nothing is found.
    """

    seconds: float | None
    pairs: int
    floor: int
    processes: int
    windows: int
    longer: float | None = None
    reserve: float | None = None


UNBOUNDED = Division(None, 8, 8, 4, WINDOWS)


def making(name: str, parameters: int, cores: int) -> float:
    """Seconds for making the file of a format or a recipe."""
    return parameters / (SLOWLY_MADE.get(form_of(name).format, MADE_PER_S) * cores)


def chunks(wish: Wish, parameters: int, cores: int) -> int:
    """Of how many chunks of text an importance matrix is made, if the text has as many."""
    if wish.minutes is None:
        return CHUNKS
    fit = int(MATRIX * 60 * wish.minutes / _collecting(parameters, cores))
    return min(CHUNKS, max(FEWEST_CHUNKS, fit))


def _collecting(parameters: int, cores: int) -> float:
    """Seconds for a chunk of text."""
    return COLLECTED * WINDOW * 2.0 * parameters / (OPERATIONS_PER_S * cores)


class _Rates(NamedTuple):
    """Seconds for reading all weights once, and for computing a token."""

    reading: float
    operations: float


def _rates(weights: int, parameters: int, cores: int, share: float) -> _Rates:
    """Of a model whose `share` lies on a GPU: one does its part after the other."""
    operations = 2.0 * parameters
    return _Rates(
        (1 - share) * weights / READS_PER_S + share * weights / DEVICE_READS_PER_S,
        (1 - share) * operations / (OPERATIONS_PER_S * cores)
        + share * operations / DEVICE_OPERATIONS_PER_S,
    )


def divided(wish: Wish, weights: int, parameters: int, cores: int, share: float = 0.0) -> Division:
    """The division of a wish's minutes, for a model whose default takes `weights` bytes, of which a
    `share` lies on a GPU.

    The search gets what is left, and a tenth at least: what does not fit is cut there. Where tokens
    lie in the cache before, the default's is filled with the noise, and one at least in the search.
    """
    if wish.minutes is None:
        return UNBOUNDED._replace(windows=min(WINDOWS, wish.windows or WINDOWS))
    everything = 60 * wish.minutes
    rates = _rates(weights, parameters, cores, share)
    if wish.serving:
        run = weights / LOADS_PER_S + _served(wish.serving, rates)
    else:
        sample = wish.n_prompt * rates.operations + wish.n_generate * rates.reading
        run = weights / LOADS_PER_S + (1 + REPEATS) * sample
    pairs = min(MOST_PAIRS, max(FEWEST_PAIRS, int(CONFIRMED * everything / (2 * run))))
    reference = _rates(weights, parameters, cores, 0).operations  # which the CPU reads alone
    window = WINDOW * (reference + FORMATS * rates.operations)
    windows = int(QUALITY * everything / window)
    windows = min(wish.windows or WINDOWS, WINDOWS, max(FEWEST_WINDOWS, windows))
    left = everything - 2 * run * (pairs + FEWEST_PAIRS)
    matrix = wish.chunks * _collecting(parameters, cores)
    left -= matrix
    filling = wish.depth * rates.operations
    left -= filling
    search = max(0.1 * everything, filling, left)
    longer = (everything - left + search) / 60 if left < search else None
    reserve = everything - matrix - search
    return Division(
        search, pairs, FEWEST_PAIRS, 2, windows, longer, reserve if reserve > 0 else None
    )


def _served(serving: Serving, rates: _Rates) -> float:
    """Seconds of the users' load, REPEATS times, after a request in each slot.

    Slots read prompts one after the other, and the weights once for a token of each of them.
    """
    at_once = min(serving.users, ServerSettings.parallel)
    token = max(rates.reading / at_once, rates.operations)
    request = mean(serving.prompts) * rates.operations + mean(serving.answers) * token
    return (at_once + REPEATS * serving.users * serving.requests) * request
