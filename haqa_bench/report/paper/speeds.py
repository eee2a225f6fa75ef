"""Our rows of the paper's tables of times and speeds: the default, what was tuned, the speed-up.

Where the pairs of a winner, or what noise there is, leave no gain, the default is what to use: its
number stands for the tuned one, with the verdict's word.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report import traits, verdict
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.pairs import Pairs, confirmed_ratio, pairs, word_of
from haqa_bench.report.found.refused import Refused, refused
from haqa_bench.report.found.weights import Files, label_of, median_bits, weights
from haqa_bench.report.paper.line import Line, measured
from haqa_bench.report.paper.methods import Standing, standing
from haqa_bench.report.published.document import Column, PublishedTable
from haqa_bench.report.tables.table import NOTHING, Value, words

SAID = (
    "median over studies of the best found, its speed-up confirmed in pairs with the default; with "
    f"a word, the default, which is what to use ({verdict.OF_WINNERS})"
)


class Known(NamedTuple):
    """What was measured again of a run, what is in its files, and what could not be measured."""

    pairs: Pairs
    files: Files
    refused: Mapping[str, Refused]


def known(run: Run) -> Known:
    """Of a run.

    Raises:
        HaqaError: the database cannot be read.
    """
    return Known(pairs(run), weights(run), refused(run))


def lines(run: Run, table: PublishedTable, found: Sequence[Best], known: Known) -> list[Line]:
    """A line for each cell (paper: table 3 and figure 5)."""
    return [
        Line(
            run.cells[of.cell],
            _key(run, of, known),
            {column.name: _value(column, of, known) for column in table.columns},
            _source(of, known),
            SAID,
            _remark(of, known),
        )
        for of in standing(table, found)
    ]


def _source(of: Standing, known: Known) -> str:
    if of.cell in known.refused:
        return ""
    return ", ".join(dict.fromkeys(row.source or "none" for row in of.rows.values()))


def _remark(of: Standing, known: Known) -> str:
    """Why nothing of a cell could be measured, or how many bits a weight stand behind its
    numbers.
    """
    if one := known.refused.get(of.cell):
        return f"nothing of it could be measured: {one.why.rstrip('.')}"
    default, tuned = _bits(of, known)
    if default is None or tuned is None or f"{default:.2f}" == f"{tuned:.2f}":
        return ""
    return f"bits a weight {default:.2f} in the default's file, {tuned:.2f} in the tuned one"


def _bits(of: Standing, known: Known) -> tuple[float | None, float | None]:
    """Of the default's file, and of the winners' that gain something; None where none is known."""
    untuned = [row.default_configuration for row in of.rows.values()]
    gained = [row for row in of.rows.values() if word_of(row, known.pairs) in (None, "better")]
    winners = [winner for row in gained if not row.is_default for winner in row.winners]
    return median_bits(of.cell, untuned, known.files), median_bits(of.cell, winners, known.files)


def _key(run: Run, of: Standing, known: Known) -> Sequence[str]:
    cell = run.cells[of.cell]
    if part := traits.part(cell):
        shape = ", ".join(f"{name} {size}" for name, size in traits.sizes(cell).items())
        return part, f"{cell.model_name} {cell.bit_width}: {shape}"
    return cell.model_name, label_of(cell.bit_width, *_bits(of, known))


def _value(column: Column, of: Standing, known: Known) -> Value:
    """Of a ratio's column, that of the tuned method, confirmed."""
    if of.cell in known.refused:
        return words(NOTHING)
    if column.kind == "ratio":
        tuned = [row for row in of.rows.values() if not row.is_default]
        if not tuned:
            return words("")
        return measured(
            confirmed_ratio(tuned[0], known.pairs), column, tuned[0].studies, "measured"
        )
    row = of.rows.get(column.name)
    return words("") if row is None else best_of(row, column, known.pairs)


def best_of(row: Best, column: Column, pairs: Pairs) -> Value:
    """The best that a method found; with a word the default, where that is what to use."""
    word = word_of(row, pairs)
    if word in (None, "better"):
        n = row.default_samples or 0 if row.is_default else row.studies
        return measured(row.best, column, n, row.source or "")
    return _untuned(row, column, str(word))


def _untuned(row: Best, column: Column, word: str) -> Value:
    """The default, which is what to use, and in one word why."""
    found = measured(row.default_value, column, row.studies, row.source or "")
    form = found.form
    if form is None:
        return found
    told = form._replace(words=f"{form.words}, {word}")
    return found._replace(form=told, text=f"{found.text}, {word}")
