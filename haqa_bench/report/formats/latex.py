"""A table in LaTeX: booktabs, one line a number with its id in a comment, the best of each group
bold, notes below in small print.
"""

from collections.abc import Sequence

from haqa_bench.report.tables.table import Table, id_of

PACKAGES = ("booktabs", "multirow", "graphicx")
EXPLAINED = "Each number's id stands in its line: haqa-bench explain RUN ID"
SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def latex(table: Table, name: str = "") -> str:
    """A `table*` as wide as the page, for a document that loads PACKAGES; `name` becomes its label
    and part of the ids.
    """
    numeric = [table.numeric(i) for i in range(len(table.columns))]
    columns = "".join("r" if number else "l" for number in numeric)
    words = [*numeric, True].index(True)
    rows = "\n".join(_row(table, name, number, words) for number in range(len(table.rows)))
    notes = " ".join(escaped(note) for note in table.remarks)
    return rf"""% Needs \usepackage{{{",".join(PACKAGES)}}}. {EXPLAINED}
\begin{{table*}}[tbp]
\centering
\caption{{{escaped(table.title)}}}
\label{{tab:{name}}}
\resizebox{{\textwidth}}{{!}}{{%
\begin{{tabular}}{{{columns}}}
\toprule
{" & ".join(escaped(heading) for heading in table.headings)} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}}}
\par\smallskip\parbox{{\textwidth}}{{\scriptsize {notes}}}
\end{{table*}}
"""


def document(tables: Sequence[str]) -> str:
    """A document of its own that holds the tables."""
    packages = "\n".join(rf"\usepackage{{{package}}}" for package in PACKAGES)
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage[margin=1cm]{geometry}",
            packages,
            r"\begin{document}",
            *tables,
            r"\end{document}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _row(table: Table, name: str, number: int, words: int) -> str:
    """A cell a line. What stands in the row above too is left to it, from the left up to the first
    cell that differs, in as many columns as hold `words` before the first that holds numbers.
    """
    last = len(table.columns) - 1
    lines = [
        _cell(table, number, column, words) + (" &" if column < last else r" \\") + called
        for column in range(last + 1)
        for called in [_called(table, name, number, column)]
    ]
    starts = number > 0 and _span(table, number, 0, words) > 0
    first = starts and _span(table, 0, 0, words) > 1
    return (r"\midrule" + "\n" if first else "") + "\n".join(lines)


def _cell(table: Table, number: int, column: int, words: int) -> str:
    span = _span(table, number, column, words)
    shown = "" if span == 0 else escaped(table.rows[number][column].text)
    shown = rf"\textbf{{{shown}}}" if (number, column) in table.bold else shown
    return rf"\multirow{{{span}}}{{*}}{{{shown}}}" if span > 1 else shown


def _called(table: Table, name: str, number: int, column: int) -> str:
    """A number's id, in a comment."""
    if not table.keys or not table.rows[number][column].text:
        return ""
    return f" % {id_of(name, table.keys[number], table.columns[column].name)}"


def _span(table: Table, number: int, column: int, words: int) -> int:
    """How many rows a cell spans: 0 where the one above spans it; one where a column to the left,
    or itself, holds numbers.
    """
    if column >= words:
        return 1
    left = [[found.text for found in row[: column + 1]] for row in table.rows]
    if number > 0 and left[number - 1] == left[number]:
        return 0
    rest = left[number:]
    return next((i for i, row in enumerate(rest) if row != left[number]), len(rest))
