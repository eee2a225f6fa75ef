"""Our rows of the paper's tables of times and speeds: the default, what was tuned, the speed-up."""

import json
from collections.abc import Mapping, Sequence
from statistics import median

from haqa_bench.project import Run
from haqa_bench.report import traits
from haqa_bench.report.found.best import Best
from haqa_bench.report.found.pairs import Pairs, confirmed_ratio
from haqa_bench.report.found.weights import Weights, weights
from haqa_bench.report.paper.line import Line, measured
from haqa_bench.report.paper.methods import Standing, standing
from haqa_bench.report.published.document import Column, PublishedTable
from haqa_bench.report.tables.table import Value, words
from haqa_bench.space import key_of

SAID = "median over studies of the best found; its speed-up confirmed in pairs with the default"


def lines(run: Run, table: PublishedTable, found: Sequence[Best], pairs: Pairs) -> list[Line]:
    """A line for each cell (paper: table 3 and figure 5)."""
    files = weights(run)
    return [
        Line(
            run.cells[of.cell],
            _key(run, of),
            {column.name: _value(column, of, pairs) for column in table.columns},
            ", ".join(dict.fromkeys(row.source or "none" for row in of.rows.values())),
            SAID,
            _of_files(of, files),
        )
        for of in standing(table, found)
    ]


def _of_files(of: Standing, files: Mapping[tuple[str, str], Weights]) -> str:
    """How many bits a weight the default's file has, and the winners'; empty where none has one."""
    bits = {
        row.is_default: [
            files[of.cell, key].bits
            for key in (key_of(json.loads(winner)) for winner in row.winners)
            if (of.cell, key) in files
        ]
        for row in of.rows.values()
    }
    if not bits.get(True) or not bits.get(False):
        return ""
    default, tuned = median(bits[True]), median(bits[False])
    return f"bits a weight {default:.2f} in the default's file, {tuned:.2f} in the tuned one"


def _key(run: Run, of: Standing) -> Sequence[str]:
    cell = run.cells[of.cell]
    if part := traits.part(cell):
        shape = ", ".join(f"{name} {size}" for name, size in traits.sizes(cell).items())
        return part, f"{cell.model_name} {cell.bit_width}: {shape}"
    return cell.model_name, cell.bit_width


def _value(column: Column, of: Standing, pairs: Pairs) -> Value:
    """Of a ratio's column, that of the tuned method, confirmed."""
    if column.kind == "ratio":
        tuned = [row for row in of.rows.values() if not row.is_default]
        ratio = confirmed_ratio(tuned[0], pairs) if tuned else None
        return measured(ratio, column, tuned[0].studies if tuned else 0, "measured")
    row = of.rows.get(column.name)
    if row is None:
        return words("")
    n = row.default_samples or 0 if row.is_default else row.studies
    return measured(row.best, column, n, row.source or "")
