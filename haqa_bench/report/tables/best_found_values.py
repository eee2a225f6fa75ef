"""How the values of tables of best results are reckoned, from a row and what stands beside it."""

import json
import math
from collections.abc import Callable
from statistics import median

from haqa_bench.report import statistics
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.pairs import better_ratios, confirmed_ratio, word_of
from haqa_bench.report.found.tests import REFERENCE
from haqa_bench.report.found.weights import Weights
from haqa_bench.report.published import beside as published
from haqa_bench.report.tables.best_found_rows import CHANCE, EXACT, Beside
from haqa_bench.report.tables.table import (
    FROM_0,
    Form,
    Value,
    digits_of,
    exact,
    share,
    value,
    whole,
    words,
)
from haqa_bench.space import key_of
from haqa_bench.trial import Source


def studies(row: Best, beside: Beside) -> Value:
    """Its unit says of what."""
    if row.method == EXACT:
        return _no_studies(row)
    if row.is_default:
        return whole(row.default_samples or 0, "samples")
    return whole(row.studies, "studies")


def _no_studies(row: Best) -> Value:
    return words("all" if row.method == EXACT else "")


def seeds_or_studies(row: Best, beside: Beside) -> Value:
    """Of what was trained, the default's number is of the seeds that it was tested with."""
    if row.method in (CHANCE, EXACT):
        return _no_studies(row)
    if row.is_default or row.optimizer == REFERENCE:
        return whole(beside.tests.seeds(row), "seeds")
    return studies(row, beside)


def best_value(row: Best, beside: Beside) -> Value:
    """The median over studies, in the objective's unit, with the worst and the best study."""
    found = exact(row.best, row.unit, n=row.studies, source=row.source or "")
    if row.best_study is None or row.worst_study is None:
        return found
    low, high = sorted((row.worst_study, row.best_study))
    return found._replace(low=low, high=high)


def range_found(row: Best, beside: Beside) -> Value:
    """The best of the worst and of the best study, low to high."""
    form = Form("{low} to {high}", digits_of(row.unit))
    ends = sorted(x for x in (row.worst_study, row.best_study) if x is not None)
    if not ends:
        return words("none")
    return value(None, form, unit=row.unit, low=ends[0], high=ends[-1], n=row.studies)


def speed_up(row: Best, beside: Beside) -> Value:
    """The best found over the same study's default, median over studies."""
    form = Form("{number}x" if row.speed_up is not None else "none", 3)
    return value(row.speed_up, form, unit="1", n=row.studies)


def gain(row: Best, beside: Beside) -> Value:
    """The median best less the default, larger is better."""
    if row.best is None or row.default_value is None:
        return words("none")
    gain = statistics.gain(row.best, row.default_value, row.direction)
    return value(gain, Form("{number}", digits_of(row.unit), "+"), unit=row.unit, n=row.studies)


def of_optimum(row: Best, beside: Beside) -> Value:
    """The best found as a share of the response table's best."""
    return _no_best(row, beside) if row.of_optimum is None else share(row.of_optimum)


def of_the_way(row: Best, beside: Beside) -> Value:
    """From the default to the best of the table."""
    if row.optimum is None:
        return _no_best(row, beside)
    found = statistics.share_of_way(row.best, row.default_value, row.optimum)
    return words("default is best") if found is None else share(found)


def _no_best(row: Best, beside: Beside) -> Value:
    """What stands for the best of a cell that no response table tells: none, where there can be no
    such table.
    """
    return words("unknown" if beside.cells[row.cell].space.finite else "none")


def bits(row: Best, beside: Beside) -> Value:
    """Of the file of the winner, over all its weights; median over studies."""
    found = [w.bits for w in _files(row, beside)]
    return value(median(found), Form("{number}", 2), unit="bits") if found else words("unknown")


def perplexity(row: Best, beside: Beside) -> Value:
    """The winner's over the default's; median over studies."""
    default = beside.weights.get((row.cell, _key(row.default_configuration)))
    found = [w.perplexity for w in _files(row, beside) if w.perplexity is not None]
    if default is None or default.perplexity is None or not found:
        return words("unknown")
    return value(median(found) / default.perplexity, Form("{number}x", 2), unit="1")


def _files(row: Best, beside: Beside) -> list[Weights]:
    keys = [(row.cell, _key(winner)) for winner in row.winners]
    return [beside.weights[key] for key in keys if key in beside.weights]


def of_roofline(row: Best, beside: Beside) -> Value:
    """The least time that the device allows over the winner's, median over studies."""
    if row.source == Source.IMPORTED:
        return words("")
    roof = beside.roofs.get(row.cell)
    shares = [roof.shares[w] for w in map(_key, row.winners) if w in roof.shares] if roof else []
    return share(median(shares)) if shares else words("unknown")


def against_peer(row: Best, beside: Beside) -> Value:
    """How many times as fast as the peer: both against the default, in pairs of one sitting."""
    if row.source == Source.IMPORTED:
        return words("")
    peer = beside.pairs.verdicts.get((row.cell, beside.peers.get(row.cell, "")))
    ratio = confirmed_ratio(row, beside.pairs)
    if peer is None or ratio is None:
        return words("not yet")
    return value(ratio / peer.ratio, Form("{number}x", 2), unit="1", n=row.studies)


def published_value(row: Best, beside: Beside) -> Value:
    """What the paper says of the same cell and method."""
    return published.said(
        beside.published, published.place_of(beside.cells[row.cell]), row.optimizer
    )


def test_accuracy(row: Best, beside: Beside) -> Value:
    """Of the winner, trained anew, in %; of guessing, by arithmetic."""
    if row.method == CHANCE:
        return exact(beside.chances[row.cell], "%")
    found = beside.tests.of(row)
    if found is None:
        return words("not yet")
    low, high = beside.tests.range(row)
    return exact(found, "%", n=len(row.winners))._replace(low=low, high=high)


def task_accuracy(name: str) -> Callable[[Best, Beside], Value]:
    """Of the winner on one task, in %; of guessing none, which the mean is of."""

    def made(row: Best, beside: Beside) -> Value:
        if row.method == CHANCE:
            return words("")
        found = beside.tests.of_task(row, name)
        return words("not yet") if found is None else exact(found, "%", n=len(row.winners))

    return made


def test_range(row: Best, beside: Beside) -> Value:
    """The test accuracy of the worst and of the best study's winner."""
    found = beside.tests.range(row)
    if not found:
        return words("not yet")
    form = Form("{low} to {high}", 2)
    return value(None, form, unit="%", low=found[0], high=found[1], n=len(row.winners))


def against_default(row: Best, beside: Beside) -> Value:
    """The median over studies of the winner less the default, in points, and how many winners are
    better.
    """
    found = beside.tests.differences(row)
    if not found:
        return words("not yet")
    better = sum(difference.better for difference in found)
    form = Form(f"{{number}} ({better} of {len(found)})", 2, "+")
    return value(median(d.points for d in found), form, unit="points", n=len(found))


def confirmed(row: Best, beside: Beside) -> Value:
    """The median over studies of the winner against the default in pairs, and how many winners beat
    it; else the default is kept, at 1, and why in one word. Nothing is a number of times 0.
    """
    ratio, better = confirmed_ratio(row, beside.pairs), better_ratios(row, beside.pairs)
    word = word_of(row, beside.pairs)
    if ratio is None:
        silent = any((row.cell, _key(winner)) in beside.pairs.silent for winner in row.winners)
        unknown = "both 0" if silent else "not yet"
        return words(f"{unknown} (tie)" if word == "tie" else unknown)
    kept = f"default ({word})" if word else "default kept"  # nothing was found
    counted = f"({len(better)} of {row.studies})"
    if math.isinf(ratio):
        return words(f"{FROM_0} {counted}")
    said = f"{{number}}x {counted}" if better else kept
    return value(ratio, Form(said, 3), unit="1", n=row.studies)


def outcomes(row: Best, beside: Beside) -> Value:
    """Its number is how many of the proposals told nothing new."""
    lost = row.invalid + row.failed + row.repeated + row.cut_off
    cut_off = f", {row.cut_off} cut off" if row.cut_off else ""
    text = f"{row.invalid} / {row.failed} / {row.repeated} of {row.proposed}{cut_off}"
    return Value(lost, "proposals", n=row.proposed, text=text)


def _key(configuration: str) -> str:
    return key_of(json.loads(configuration))


def method(row: Best, beside: Beside) -> Value:
    """What proposed."""
    return words("default" if row.is_default else row.method)
