"""What stands in the columns of the tables of best results."""

import json
from collections.abc import Callable, Collection, Mapping
from statistics import median
from typing import Literal, NamedTuple

from haqa_bench.arithmetic.exact_random import ExactRandom
from haqa_bench.cell import Cell
from haqa_bench.report import statistics
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.kernel_rooflines import Roof
from haqa_bench.report.found.overlap import Overlap
from haqa_bench.report.found.pairs import Pairs
from haqa_bench.report.found.tests import REFERENCE, Tests
from haqa_bench.report.found.weights import Weights
from haqa_bench.report.published import beside as published
from haqa_bench.report.published.document import PublishedTable
from haqa_bench.report.tables.table import (
    Column,
    Form,
    Place,
    Role,
    Value,
    digits_of,
    exact,
    share,
    value,
    whole,
    words,
)
from haqa_bench.report.verdict import Verdict
from haqa_bench.space import key_of

CHANCE = "guessing"
"""Stands in place of a method in the row of what guessing gives."""
EXACT = "random, exact"
"""Stands in place of a method in the row of what random search finds, by arithmetic."""


class Beside(NamedTuple):
    """What rows are compared with: what was published, pairs, tests of what was trained, and of
    cells that are parts of a model, such as a kernel, their name, their roofline and their peer.
    `weights` are of measured files, `chances` what guessing gives in tests, in %, by cell;
    `exact` what random search finds, and `overlaps` how far a method's studies are copies;
    `verdicts` on each method against random search, by cell and method.
    """

    published: PublishedTable | None
    pairs: Pairs
    tests: Tests
    parts: Mapping[str, str]
    roofs: Mapping[str, Roof]
    peers: Mapping[str, str]
    weights: Mapping[tuple[str, str], Weights]
    chances: Mapping[str, float]
    exact: Mapping[str, ExactRandom]
    overlaps: Mapping[tuple[str, str], Overlap]
    cells: Mapping[str, Cell]
    verdicts: Mapping[tuple[str, str], Verdict]


Told = Literal["default", "method", "reference", "exact"]
"""What a row tells of: what nobody proposed; what a method found; what is beside, such as full
precision; what random search finds by arithmetic."""
EVERY: Collection[Told] = ("default", "method", "reference", "exact")
STUDIED: Collection[Told] = ("default", "method")
FOUND: Collection[Told] = ("default", "method", "exact")
TUNED: Collection[Told] = ("method", "exact")
METHODS: Collection[Told] = frozenset[Told](("method",))
TRAINED: Collection[Told] = ("default", "method", "reference")


def told_of(row: Best) -> Told:
    """What a row tells of."""
    if row.method == EXACT:
        return "exact"
    if row.optimizer == REFERENCE:
        return "reference"
    return "default" if row.is_default else "method"


class Kind(NamedTuple):
    """What decides which columns a table has: whether its objective is a speed or a time, how
    winners are confirmed, whether the paper has it, whether its cells are parts of models, and
    whether files of weights were measured.
    """

    speed: bool
    confirmed: str
    published: bool
    parts: bool
    files: bool


class Maker(NamedTuple):
    """A column to be: its heading, in which {} is the unit and {metric} what is measured; what
    stands below it, and how that is reckoned; and which tables have it.

    It is empty in other rows than its `rows`; `main` is what the best are told by.
    """

    heading: str
    value: Callable[[Best, Beside], Value]
    about: str = ""
    applies: Callable[[Kind], bool] = lambda kind: True
    role: Role = "value"
    rows: Collection[Told] = STUDIED
    main: bool = False
    unit: str = ""
    digits: int | None = None
    place: Place = "row"

    def of(self, row: Best) -> Column:
        """The column of a table of rows like this one."""
        unit = row.unit if self.main else self.unit
        digits = digits_of(unit) if self.main else self.digits
        heading = self.heading.format(row.unit, metric=row.metric)
        return Column(heading, unit, digits, self.about, self.role, place=self.place)


def _n(row: Best, beside: Beside) -> Value:
    """Its unit says of what."""
    if row.method == EXACT:
        return _no_studies(row)
    if row.is_default:
        return whole(row.default_samples or 0, "samples")
    return whole(row.studies, "studies")


def _no_studies(row: Best) -> Value:
    return words("all" if row.method == EXACT else "")


def _tested_n(row: Best, beside: Beside) -> Value:
    """Of what was trained, the default's number is of the seeds that it was tested with."""
    if row.method in (CHANCE, EXACT):
        return _no_studies(row)
    if row.is_default or row.optimizer == REFERENCE:
        return whole(beside.tests.seeds(row), "seeds")
    return _n(row, beside)


def _best(row: Best, beside: Beside) -> Value:
    found = exact(row.best, row.unit, n=row.studies, source=row.source or "")
    if row.best_study is None or row.worst_study is None:
        return found
    low, high = sorted((row.worst_study, row.best_study))
    return found._replace(low=low, high=high)


def _range(row: Best, beside: Beside) -> Value:
    form = Form("{low} to {high}", digits_of(row.unit))
    ends = sorted(x for x in (row.worst_study, row.best_study) if x is not None)
    if not ends:
        return words("none")
    return value(None, form, unit=row.unit, low=ends[0], high=ends[-1], n=row.studies)


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


def _of_the_way(row: Best, beside: Beside) -> Value:
    """From the default to the best of the table."""
    if row.optimum is None:
        return words("unknown")
    found = statistics.share_of_way(row.best, row.default_value, row.optimum)
    return words("default is best") if found is None else share(found)


def _bits(row: Best, beside: Beside) -> Value:
    """Of the file of the winner, over all its weights; median over studies."""
    found = [w.bits for w in _files(row, beside)]
    return value(median(found), Form("{number}", 2), unit="bits") if found else words("unknown")


def _perplexity(row: Best, beside: Beside) -> Value:
    """The winner's over the default's; median over studies."""
    default = beside.weights.get((row.cell, _key(row.default_configuration)))
    found = [w.perplexity for w in _files(row, beside) if w.perplexity is not None]
    if default is None or default.perplexity is None or not found:
        return words("unknown")
    return value(median(found) / default.perplexity, Form("{number}x", 2), unit="1")


def _files(row: Best, beside: Beside) -> list[Weights]:
    keys = [(row.cell, _key(winner)) for winner in row.winners]
    return [beside.weights[key] for key in keys if key in beside.weights]


def _of_roofline(row: Best, beside: Beside) -> Value:
    roof = beside.roofs.get(row.cell)
    shares = [roof.shares[w] for w in map(_key, row.winners) if w in roof.shares] if roof else []
    return share(median(shares)) if shares else words("unknown")


def _against_peer(row: Best, beside: Beside) -> Value:
    """How many times as fast as the peer: both against the default, in pairs of one sitting."""
    peer = beside.pairs.verdicts.get((row.cell, beside.peers.get(row.cell, "")))
    ratio = confirmed_ratio(row, beside.pairs)
    if peer is None or ratio is None:
        return words("not yet")
    return value(ratio / peer.ratio, Form("{number}x", 2), unit="1", n=row.studies)


def _published(row: Best, beside: Beside) -> Value:
    return published.said(
        beside.published, published.place_of(beside.cells[row.cell]), row.optimizer
    )


def _test(row: Best, beside: Beside) -> Value:
    if row.method == CHANCE:
        return exact(beside.chances[row.cell], "%")
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
    form = Form(f"{{number}} ({better} of {len(found)})", 2, "+")
    return value(median(d.points for d in found), form, unit="points", n=len(found))


def _again(row: Best, beside: Beside) -> Value:
    """The median over studies of the winner against the default in pairs, and how many winners beat
    it; else the default is kept, at 1.
    """
    ratio, better = confirmed_ratio(row, beside.pairs), _better(row, beside.pairs)
    if ratio is None:
        return words("not yet")
    said = f"{{number}}x ({len(better)} of {row.studies})" if better else "default kept"
    return value(ratio, Form(said, 3), unit="1", n=row.studies)


def confirmed_ratio(row: Best, pairs: Pairs) -> float | None:
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


def _filed(kind: Kind) -> bool:
    return kind.files


BEST = (
    "the median over studies of the best configuration found that breaks no constraint; of "
    "the default, its own value"
)
N = (
    "studies of the method on the cell; of the default its samples, or the seeds that it "
    "was tested with"
)
RANGE = "the best found by the worst and by the best study"


def _of_cell(
    heading: str,
    value: Callable[[Best, Beside], Value],
    applies: Callable[[Kind], bool] = lambda kind: True,
) -> Maker:
    return Maker(heading, value, "", applies, "key", rows=EVERY, place="heading")


COLUMNS = (
    _of_cell("Kernel", lambda row, b: words(b.parts[row.cell]), _parts),
    _of_cell("Model", lambda row, _: words(row.model)),
    _of_cell("Bit-width", lambda row, _: words(row.bit_width)),
    _of_cell("Hardware", lambda row, _: words(row.hardware)),
    Maker("Method", _method, role="key", rows=EVERY),
    Maker("n", _n, N, _untested, "n", rows=EVERY),
    Maker("n", _tested_n, N, _anew, "n", rows=EVERY),
    Maker("{}", _best, BEST, _speeds, rows=FOUND, main=True),
    Maker("{metric}, {}", _best, BEST, _differences, rows=FOUND, main=True),
    Maker("Range", _range, RANGE, _untested, rows=TUNED),
    Maker(
        "Speed-up",
        _speed_up,
        "the median over studies of the best found over the same study's default (the "
        "other way round for times)",
        _speeds,
        unit="1",
        digits=3,
        rows=FOUND,
    ),
    Maker(
        "Gain",
        _gain,
        "the best found less the default, larger is better",
        lambda kind: _differences(kind) and not _anew(kind),
        rows=TUNED,
    ),
    Maker(
        "Confirmed",
        _again,
        "the median over studies of the winner over the default in interleaved pairs, "
        "apart from the tuning, a kept default as 1; in brackets, how "
        "many winners' whole 95 % interval is above 1",
        _paired,
        unit="1",
        digits=3,
        rows=METHODS,
    ),
    Maker(
        "Test accuracy, %",
        _test,
        "the winner trained anew with seeds, and tested on items, that no tuning has "
        "seen: mean over seeds, median over studies",
        _anew,
        unit="%",
        digits=2,
        rows=TRAINED,
    ),
    Maker(
        "Test range",
        _test_range,
        "the test accuracy of the worst and of the best study's winner",
        _anew,
        unit="%",
        digits=2,
        rows=METHODS,
    ),
    Maker(
        "Against default",
        _against_default,
        "the median over studies of the winner's test accuracy less the default's, in points, "
        "same seeds and items; in brackets, how many winners are better: ahead with every seed, "
        "and by more than the 95 % interval over items",
        _anew,
        unit="points",
        digits=2,
        rows=METHODS,
    ),
    Maker(
        "Gain",
        _gain,
        "the best found less the default, larger is better",
        lambda kind: _differences(kind) and _anew(kind),
        rows=TUNED,
    ),
    Maker("Range", _range, RANGE, _anew, rows=TUNED),
    Maker(
        "Against ggml",
        _against_peer,
        "the winner's ratio to the default in pairs over that of ggml's own kernel",
        _parts,
        unit="1",
        digits=2,
    ),
    Maker(
        "Bits",
        _bits,
        "bits a weight, over the whole file that the winner ran with; median over studies",
        _filed,
        unit="bits",
        digits=2,
    ),
    Maker(
        "Perplexity",
        _perplexity,
        "the winner's over the default's, of the quality text; median over studies",
        _filed,
        unit="1",
        digits=2,
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
        "Of optimum",
        _of_optimum,
        "the median over studies of the best found as a share of the best feasible "
        "value that the whole response table holds",
        _speeds,
        unit="%",
        digits=1,
        rows=FOUND,
    ),
    Maker(
        "Of the way",
        _of_the_way,
        "how far the median best has come from the default, 0 %, to the best feasible value "
        "that the whole response table holds, 100 %",
        _differences,
        unit="%",
        digits=1,
        rows=TUNED,
    ),
    Maker(
        "Source",
        lambda row, _: words(row.source or "none" if row.method != CHANCE else ""),
        "where the numbers of the trials came from",
        role="source",
        place="wide",
        rows=EVERY,
    ),
    Maker(
        "Invalid / failed / repeated",
        _outcomes,
        "proposals outside the space, configurations that could not be measured, "
        "repeats; of all proposals of the studies",
        unit="proposals",
        place="wide",
        rows=METHODS,
    ),
    Maker(
        "Published speed-up",
        _published,
        published.ABOUT,
        lambda kind: kind.published and kind.speed,
        "published",
        place="wide",
        rows=METHODS,
    ),
    Maker(
        "Published accuracy",
        _published,
        published.ABOUT,
        lambda kind: kind.published and not kind.speed,
        "published",
        place="wide",
    ),
)
