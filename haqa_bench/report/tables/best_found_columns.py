"""What stands in the columns of the tables of best results."""

import json
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

from haqa_bench.report import statistics
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.kernel_rooflines import Roof
from haqa_bench.report.found.pairs import Pairs
from haqa_bench.report.found.tests import REFERENCE, Tests
from haqa_bench.report.published import beside as published
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Role,
    Value,
    count,
    digits_of,
    exact,
    share,
    value,
    words,
)
from haqa_bench.space import key_of


class Beside(NamedTuple):
    """What rows are compared with: what was published, and the place there of each cell; pairs;
    tests of what was trained; and of cells that are parts of a model, such as a kernel, their name,
    their roofline and their peer.
    """

    published: PublishedTable | None
    places: Mapping[str, published.Place]
    pairs: Pairs
    tests: Tests
    parts: Mapping[str, str]
    roofs: Mapping[str, Roof]
    peers: Mapping[str, str]


class Kind(NamedTuple):
    """What decides which columns a table has: whether its objective is a speed or a time, how
    winners are confirmed, whether the paper has it, and whether its cells are parts of models.
    """

    speed: bool
    confirmed: str
    published: bool
    parts: bool


class Maker(NamedTuple):
    """A column to be: its heading, in which {} is the unit and {metric} what is measured; what
    stands below it, and how that is reckoned; and which tables have it.

    `tuned` columns are empty for the default; those that are not `tested`, for references too;
    `main` is what the best are told by.
    """

    heading: str
    value: Callable[[Best, Beside], Value]
    about: str = ""
    applies: Callable[[Kind], bool] = lambda kind: True
    role: Role = "value"
    tuned: bool = False
    tested: bool = False
    main: bool = False
    unit: str = ""
    digits: int | None = None

    def of(self, row: Best) -> Column:
        """The column of a table of rows like this one."""
        unit = row.unit if self.main else self.unit
        digits = digits_of(unit) if self.main else self.digits
        heading = self.heading.format(row.unit, metric=row.metric)
        return Column(heading, unit, digits, self.about, self.role)


def _n(row: Best, beside: Beside) -> Value:
    if row.is_default:
        samples = row.default_samples or 0
        return Value(samples, "samples", text=count(samples, "samples", "sample"))
    return Value(row.studies, "studies", text=count(row.studies, "studies", "study"))


def _tested_n(row: Best, beside: Beside) -> Value:
    """Of what was trained, the default's number is of the seeds that it was tested with."""
    if row.is_default or row.optimizer == REFERENCE:
        seeds = beside.tests.seeds(row)
        return Value(seeds, "seeds", text=count(seeds, "seeds", "seed"))
    return _n(row, beside)


def _best(row: Best, beside: Beside) -> Value:
    found = exact(row.best, row.unit, n=row.studies, source=row.source or "")
    return found._replace(low=row.worst_study, high=row.best_study)


def _range(row: Best, beside: Beside) -> Value:
    form = Form("{low} to {high}", digits_of(row.unit))
    return value(None, form, unit=row.unit, low=row.worst_study, high=row.best_study, n=row.studies)


def _speed_up(row: Best, beside: Beside) -> Value:
    form = Form("{number}x" if row.speed_up is not None else "none", 3)
    return value(row.speed_up, form, unit="1", n=row.studies)


def _gain(row: Best, beside: Beside) -> Value:
    """The median best less the default, larger is better."""
    if row.best is None or row.default_value is None:
        return words("none")
    gain = statistics.gain(row.best, row.default_value, row.direction)
    return value(gain, Form("{number}", digits_of(row.unit), "+"), unit=row.unit, n=row.studies)


def _of_optimum(row: Best, beside: Beside) -> Value:
    return words("unknown") if row.of_optimum is None else share(row.of_optimum)


def _of_roofline(row: Best, beside: Beside) -> Value:
    roof = beside.roofs.get(row.cell)
    shares = [roof.shares[w] for w in map(_key, row.winners) if w in roof.shares] if roof else []
    return share(median(shares)) if shares else words("unknown")


def _against_peer(row: Best, beside: Beside) -> Value:
    """How many times as fast as the peer: both against the default, in pairs of one sitting."""
    peer = beside.pairs.verdicts.get((row.cell, beside.peers.get(row.cell, "")))
    ratio = _ratio(row, beside.pairs)
    if peer is None or ratio is None:
        return words("not yet")
    return value(ratio / peer.ratio, Form("{number}x", 2), unit="1", n=row.studies)


def _published(row: Best, beside: Beside) -> Value:
    return published.said(beside.published, beside.places[row.cell], row.optimizer)


def _test(row: Best, beside: Beside) -> Value:
    found = beside.tests.of(row)
    if found is None:
        return words("not yet")
    low, high = beside.tests.range(row)
    return exact(found, "%", n=len(row.winners))._replace(low=low, high=high)


def _test_range(row: Best, beside: Beside) -> Value:
    found = beside.tests.range(row)
    if not found:
        return words("not yet")
    form = Form("{low} to {high}", 2)
    return value(None, form, unit="%", low=found[0], high=found[1], n=len(row.winners))


def _against_default(row: Best, beside: Beside) -> Value:
    """The median over studies of the winner less the default, in points, and how many winners are
    better.
    """
    found = beside.tests.differences(row)
    if not found:
        return words("not yet")
    better = sum(difference.better for difference in found)
    form = Form(f"{{number}}, {better} of {len(found)} better", 2, "+")
    return value(median(d.points for d in found), form, unit="points", n=len(found))


def _again(row: Best, beside: Beside) -> Value:
    """The median over studies of the winner against the default in pairs, and how many winners beat
    it; else the default is kept, at 1.
    """
    ratio, better = _ratio(row, beside.pairs), _better(row, beside.pairs)
    if ratio is None:
        return words("not yet")
    said = f"{{number}}x, {len(better)} of {row.studies} better" if better else "default kept"
    return value(ratio, Form(said, 3), unit="1", n=row.studies)


def _ratio(row: Best, pairs: Pairs) -> float | None:
    """The median over studies of the winner against the default, in pairs; None as long as one is
    missing.
    """
    if any((row.cell, w) not in pairs.verdicts for w in _tuned(row)):
        return None
    better = _better(row, pairs)
    kept = [1.0] * (len(row.winners) - len(better))
    return median(better + kept or [1.0])


def _better(row: Best, pairs: Pairs) -> list[float]:
    """The ratios of the winners that beat the default in their pairs."""
    known = [pairs.verdicts[row.cell, w] for w in _tuned(row) if (row.cell, w) in pairs.verdicts]
    return [verdict.ratio for verdict in known if verdict.better]


def _tuned(row: Best) -> list[str]:
    return [w for w in map(_key, row.winners) if w != _key(row.default_configuration)]


def _outcomes(row: Best, beside: Beside) -> Value:
    """Its number is how many of the proposals told nothing new."""
    lost = row.invalid + row.failed + row.repeated
    text = f"{row.invalid} / {row.failed} / {row.repeated} of {row.proposed}"
    return Value(lost, "proposals", n=row.proposed, text=text)


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))


def _method(row: Best, beside: Beside) -> Value:
    return words("default" if row.is_default else row.method)


def _speeds(kind: Kind) -> bool:
    return kind.speed


def _differences(kind: Kind) -> bool:
    return not kind.speed


def _paired(kind: Kind) -> bool:
    return kind.confirmed == "pairs"


def _anew(kind: Kind) -> bool:
    return kind.confirmed == "tests"


def _untested(kind: Kind) -> bool:
    return kind.confirmed != "tests"


def _parts(kind: Kind) -> bool:
    return kind.parts


BEST = (
    "the median over studies of the best configuration found that breaks no constraint; of "
    "the default, its own value"
)
N = (
    "studies of the method on the cell; of the default its samples, or the seeds that it "
    "was tested with"
)
COLUMNS = (
    Maker("Kernel", lambda row, b: words(b.parts[row.cell]), "", _parts, "key"),
    Maker("Model", lambda row, _: words(row.model), role="key", tested=True),
    Maker("Bit-width", lambda row, _: words(row.bit_width), role="key", tested=True),
    Maker("Hardware", lambda row, _: words(row.hardware), role="key", tested=True),
    Maker("Method", _method, role="key", tested=True),
    Maker("{}", _best, BEST, _speeds, main=True),
    Maker("{metric}, {}", _best, BEST, _differences, main=True),
    Maker("Range", _range, "the best found by the worst and by the best study", tuned=True),
    Maker(
        "Speed-up",
        _speed_up,
        "the median over studies of the best found over the same study's default (the "
        "other way round for times)",
        _speeds,
        unit="1",
        digits=3,
    ),
    Maker(
        "Gain",
        _gain,
        "the best found less the default, larger is better",
        _differences,
        tuned=True,
    ),
    Maker(
        "Confirmed",
        _again,
        "the median over studies of the winner over the default in interleaved pairs, "
        "apart from the tuning, a kept default as 1; and how "
        "many winners' whole 95 % interval is above 1",
        _paired,
        tuned=True,
        unit="1",
        digits=3,
    ),
    Maker(
        "Of optimum",
        _of_optimum,
        "the median over studies of the best found as a share of the best feasible "
        "value that the whole response table holds",
        unit="%",
        digits=1,
    ),
    Maker(
        "Of roofline",
        _of_roofline,
        "the median over studies of the least time that bandwidth or arithmetic allow "
        "over the winner's, sample by sample",
        _parts,
        unit="%",
        digits=1,
    ),
    Maker(
        "Against ggml",
        _against_peer,
        "the winner's ratio to the default in pairs over that of ggml's own kernel",
        _parts,
        unit="1",
        digits=2,
    ),
    Maker(
        "Test accuracy, %",
        _test,
        "the winner trained anew with seeds, and tested on items, that no tuning has "
        "seen: mean over seeds, median over studies",
        _anew,
        tested=True,
        unit="%",
        digits=2,
    ),
    Maker(
        "Test range",
        _test_range,
        "the test accuracy of the worst and of the best study's winner",
        _anew,
        tuned=True,
        unit="%",
        digits=2,
    ),
    Maker(
        "Against default, points",
        _against_default,
        "the median over studies of the winner's test accuracy less the default's, "
        "same seeds and items; better: ahead with every seed, "
        "and by more than the 95 % interval over items",
        _anew,
        tuned=True,
        unit="points",
        digits=2,
    ),
    Maker("n", _n, N, _untested, "n", tested=True),
    Maker("n", _tested_n, N, _anew, "n", tested=True),
    Maker(
        "Source",
        lambda row, _: words(row.source or "none"),
        "where the numbers of the trials came from",
        role="source",
        tested=True,
    ),
    Maker(
        "Invalid / failed / repeated",
        _outcomes,
        "proposals outside the space, configurations that could not be measured, "
        "repeats; of all proposals of the studies",
        tuned=True,
        unit="proposals",
    ),
    Maker(
        "Published speed-up",
        _published,
        published.ABOUT,
        lambda kind: kind.published and kind.speed,
        "published",
        tuned=True,
    ),
    Maker(
        "Published accuracy",
        _published,
        published.ABOUT,
        lambda kind: kind.published and not kind.speed,
        "published",
    ),
)
