"""What a table says of models whose weights are random, whose numbers are of speed and memory.

A model's own weights are not told of. Where all rows of a table are of random weights, its short
form says so once, in its title; else each such row does.
"""

from collections.abc import Mapping, Sequence

from haqa_bench.cell import Cell
from haqa_bench.report.tables.table import Column, Table, words
from haqa_bench.report.traits import RANDOM, has_random_weights

COLUMN = Column(
    "Weights",
    about="random: made here in the model's sizes, good for speed and memory; empty: its own",
    role="key",
    place="heading",
)


def marked(table: Table, cells: Mapping[str, Cell], of: Sequence[str] = ()) -> Table:
    """The table with a column that says whose weights are random, before what is measured; as it is
    where none of its rows is of such a model. `of` names the cell of each row, where its keys do
    not.
    """
    told = [RANDOM if _is_random(n, cells) else "" for n in of or [k.cell for k in table.keys]]
    if not any(told):
        return table
    keys = [i for i, column in enumerate(table.columns) if column.role == "key"]
    headings = [i for i in keys if table.columns[i].place == "heading"]
    place = (headings or keys or [-1])[-1] + 1
    return table._replace(
        columns=[*table.columns[:place], COLUMN, *table.columns[place:]],
        rows=[
            [*row[:place], words(text), *row[place:]]
            for row, text in zip(table.rows, told, strict=True)
        ],
        bold={(row, column + (column >= place)) for row, column in table.bold},
    )


def _is_random(cell: str, cells: Mapping[str, Cell]) -> bool:
    return cell in cells and has_random_weights(cells[cell])
