"""What stands in the columns of the tables of best results."""

import json
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from haqa_bench.report import roofs
from haqa_bench.report.best import Row
from haqa_bench.report.pairs import Pairs
from haqa_bench.report.published import PublishedFigure
from haqa_bench.report.roofs import Roof
from haqa_bench.report.tests import REFERENCE, Tests
from haqa_bench.space import key_of


class Beside(NamedTuple):
    """What rows are compared with: what was published, pairs, the rooflines of kernels by cell, and
    tests of what was trained.
    """

    figure: PublishedFigure
    again: Pairs
    roofs: Mapping[str, Roof]
    tests: Tests


TRAINED = ("qat", "qlora")
TIMED = ("deploy", "kernel", "joint")


class Column(NamedTuple):
    """A heading, in which {} is the unit and {metric} what is measured, what stands below it, and
    how that is reckoned.

    `tuned` columns are empty for the default; those that are not `tested`, for references too.
    """

    heading: str
    text: Callable[[Row, Beside], str]
    about: str = ""
    tuned: bool = False
    tracks: Sequence[str] = (*TIMED, *TRAINED)
    tested: bool = False


def _n(row: Row, beside: Beside) -> str:
    human = row.optimizer == "human"
    if row.track in TRAINED and (human or row.optimizer == REFERENCE):
        return count(beside.tests.seeds(row), "seeds", "seed")
    return (
        count(row.default_samples or 0, "samples", "sample")
        if human
        else count(row.studies, "studies", "study")
    )


def _kernel(row: Row) -> str:
    return row.cell.rpartition("-")[2]


def _of_roofline(row: Row, beside: Beside) -> str:
    roof = beside.roofs.get(row.cell)
    shares = [roof.shares[w] for w in map(_key, row.winners) if w in roof.shares] if roof else []
    return f"{100 * median(shares):.1f} %" if shares else "unknown"


def _against_peer(row: Row, beside: Beside) -> str:
    """How many times as fast as the peer: both against the default, in pairs of one sitting."""
    peer, ratio = beside.again.verdicts.get((row.cell, roofs.PEER)), _ratio(row, beside.again)
    return f"{ratio / peer.ratio:.2f}x" if peer and ratio is not None else "not yet"


def _published(row: Row, beside: Beside) -> str:
    return beside.figure.said(
        _kernel(row) if row.track == "kernel" else row.model, row.bit_width, row.optimizer
    )


def _gain(row: Row, beside: Beside) -> str:
    """The median best less the default, larger is better."""
    if row.best is None or row.default_value is None:
        return "none"
    gain = (
        row.best - row.default_value
        if row.direction == "maximize"
        else row.default_value - row.best
    )
    return f"{gain:+.{DIGITS.get(row.unit, 1)}f}"


def _test(row: Row, beside: Beside) -> str:
    found = beside.tests.of(row)
    return "not yet" if found is None else digits(found, 2)


def _test_range(row: Row, beside: Beside) -> str:
    return " to ".join(digits(value, 2) for value in beside.tests.range(row)) or "not yet"


def _against_default(row: Row, beside: Beside) -> str:
    """The median over studies of the winner less the default, in points, and how many winners are
    better.
    """
    found = beside.tests.differences(row)
    if not found:
        return "not yet"
    better = sum(difference.better for difference in found)
    return f"{median(d.points for d in found):+.2f}, {better} of {len(found)} better"


def _again(row: Row, again: Pairs) -> str:
    """The median over studies of the winner against the default in pairs, and how many winners beat
    it; else the default is kept, at 1.
    """
    ratio, better = _ratio(row, again), _better(row, again)
    if ratio is None:
        return "not yet"
    return f"{ratio:.3f}x, {len(better)} of {row.studies} better" if better else "default kept"


def _ratio(row: Row, again: Pairs) -> float | None:
    """The median over studies of the winner against the default, in pairs; None as long as one is
    missing.
    """
    if any((row.cell, w) not in again.verdicts for w in _tuned(row)):
        return None
    better = _better(row, again)
    kept = [1.0] * (len(row.winners) - len(better))
    return median(better + kept or [1.0])


def _better(row: Row, again: Pairs) -> list[float]:
    """The ratios of the winners that beat the default in their pairs."""
    known = [again.verdicts[row.cell, w] for w in _tuned(row) if (row.cell, w) in again.verdicts]
    return [verdict.ratio for verdict in known if verdict.better]


def _tuned(row: Row) -> list[str]:
    return [w for w in map(_key, row.winners) if w != _key(row.default)]


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))


def count(number: int, many: str, one: str) -> str:
    """A number of things in words."""
    return f"{number} {one if number == 1 else many}"


def exact(value: float | None, unit: str) -> str:
    """A number with as many digits as its unit deserves."""
    return digits(value, DIGITS.get(unit, 1))


def digits(value: float | None, digits: int) -> str:
    """A number with so many digits after the point."""
    return "none" if value is None else f"{value:.{digits}f}"


DIGITS = {"nats": 3, "%": 2}
PUBLISHED = "what is known of the paper's own number, with its source (paper_tables/); UNKNOWN where nothing is"
BEST = "the median over studies of the best configuration found that breaks no constraint; of the default, its own value"
COLUMNS = (
    Column("Kernel", lambda row, _: _kernel(row), tracks=("kernel",)),
    Column("Model", lambda row, _: row.model, tested=True),
    Column("Bit-width", lambda row, _: row.bit_width, tested=True),
    Column("Hardware", lambda row, _: row.hardware, tested=True),
    Column(
        "Method", lambda row, _: "default" if row.optimizer == "human" else row.method, tested=True
    ),
    Column("{}", lambda row, _: exact(row.best, row.unit), BEST, tracks=TIMED),
    Column("{metric}, {}", lambda row, _: exact(row.best, row.unit), BEST, tracks=TRAINED),
    Column(
        "Range",
        lambda row, _: f"{exact(row.worst_study, row.unit)} to {exact(row.best_study, row.unit)}",
        "the best found by the worst and by the best study",
        tuned=True,
    ),
    Column(
        "Speed-up",
        lambda row, _: digits(row.speed_up, 3) + "x" if row.speed_up is not None else "none",
        "the median over studies of the best found over the same study's default (the other way round for times)",
        tracks=TIMED,
    ),
    Column(
        "Gain",
        _gain,
        "the best found less the default, larger is better",
        tuned=True,
        tracks=TRAINED,
    ),
    Column(
        "Measured again",
        lambda row, beside: _again(row, beside.again),
        "the median over studies of the winner over the default in interleaved pairs, apart from the tuning, a kept default as 1; and how "
        "many winners' whole 95 % interval is above 1",
        tuned=True,
        tracks=TIMED,
    ),
    Column(
        "Of optimum",
        lambda row, _: f"{100 * row.of_optimum:.1f} %" if row.of_optimum is not None else "unknown",
        "the median over studies of the best found as a share of the best feasible value that the whole response table holds",
    ),
    Column(
        "Of roofline",
        _of_roofline,
        "the median over studies of the least time that bandwidth or arithmetic allow over the winner's, sample by sample",
        tracks=("kernel",),
    ),
    Column(
        "Against ggml",
        _against_peer,
        "the winner's ratio to the default in pairs over that of ggml's own kernel",
        tracks=("kernel",),
    ),
    Column(
        "Test accuracy, %",
        _test,
        "the winner trained anew with seeds, and tested on items, that no tuning has seen: mean over seeds, median over studies",
        tracks=TRAINED,
        tested=True,
    ),
    Column(
        "Test range",
        _test_range,
        "the test accuracy of the worst and of the best study's winner",
        tuned=True,
        tracks=TRAINED,
    ),
    Column(
        "Against default, points",
        _against_default,
        "the median over studies of the winner's test accuracy less the default's, same seeds and items; better: ahead with every seed, "
        "and by more than the 95 % interval over items",
        tuned=True,
        tracks=TRAINED,
    ),
    Column(
        "n",
        _n,
        "studies of the method on the cell; of the default its samples, or the seeds that it was tested with",
        tested=True,
    ),
    Column(
        "Source",
        lambda row, _: row.source or "none",
        "where the numbers of the trials came from",
        tested=True,
    ),
    Column(
        "Invalid / failed / repeated",
        lambda row, _: f"{row.invalid} / {row.failed} / {row.repeated} of {row.proposed}",
        "proposals outside the space, configurations that could not be measured, repeats; of all proposals of the studies",
        tuned=True,
    ),
    Column("Published speed-up", _published, PUBLISHED, tuned=True, tracks=TIMED),
    Column("Published accuracy", _published, PUBLISHED, tracks=TRAINED),
)
