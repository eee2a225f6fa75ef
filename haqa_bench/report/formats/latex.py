"""A table in LaTeX: booktabs, a row a line with its id in a comment, the best of each group bold,
notes below in small print. Nothing is scaled: the letters are those of \\footnotesize, and notes of
\\scriptsize, 8 and 7 points in a document of 10.
"""

from collections.abc import Sequence

from haqa_bench.report.tables.table import Section, Table, row_id

PACKAGES = ("booktabs", "longtable", "threeparttable")
EXPLAINED = "Each row's id ends its line; with /COLUMN it is a number's: haqa-bench explain RUN ID"
TALLEST = 40
"""Lines of a table that a page holds beside its notes; a longer one goes over several pages."""
ONE_COLUMN = r"""\makeatletter
\if@twocolumn\onecolumn\def\haqabenchback{\twocolumn}\else\def\haqabenchback{}\fi
\makeatother
"""
"""A table that goes over pages stands in one column, and whatever follows it in as many as before.
"""
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
    "[": "{[}",  # else what a line break may be followed by
    "±": r"$\pm$",
}


def latex(table: Table, name: str = "") -> str:
    """A `table*`, or where no page holds it a `longtable`, for a document that loads PACKAGES.
    `name` becomes part of the ids, and the label where the table has none of its own.
    """
    lines = len(table.rows) + 2 * len(table.sections)
    form = _over_pages if lines + len(table.remarks) > TALLEST else _on_a_page
    needs = rf"% Needs \usepackage{{{','.join(PACKAGES)}}}. {EXPLAINED}"
    return f"{needs}\n{form(table, name)}"


def _on_a_page(table: Table, name: str) -> str:
    notes = "\n".join(rf"\item {escaped(note)}" for note in table.remarks)
    below = f"\\begin{{tablenotes}}\\scriptsize\n{notes}\n\\end{{tablenotes}}\n" if notes else ""
    return rf"""\begin{{table*}}[tbp]
\centering
\begin{{threeparttable}}
\caption{{{escaped(table.title)}}}
\label{{{_label(table, name)}}}
\footnotesize
\setlength{{\tabcolsep}}{{4pt}}
\begin{{tabular}}{{{_columns(table)}}}
\toprule
{_heads(table)}
\midrule
{_body(table, name)}
\bottomrule
\end{{tabular}}
{below}\end{{threeparttable}}
\end{{table*}}
"""


def _over_pages(table: Table, name: str) -> str:
    notes = r" \par ".join(escaped(note) for note in table.remarks)
    return rf"""{ONE_COLUMN}{{\footnotesize
\setlength{{\tabcolsep}}{{4pt}}
\begin{{longtable}}{{{_columns(table)}}}
\caption{{{escaped(table.title)}}}
\label{{{_label(table, name)}}} \\
\toprule
{_heads(table)}
\midrule
\endfirsthead
\toprule
{_heads(table)}
\midrule
\endhead
{_body(table, name)}
\bottomrule
\end{{longtable}}
\scriptsize {notes} \par}}
\haqabenchback
"""


def _label(table: Table, name: str) -> str:
    return f"tab:{table.label or name}"


def _columns(table: Table) -> str:
    return "".join("r" if table.numeric(i) else "l" for i in range(len(table.columns)))


def _heads(table: Table) -> str:
    return " & ".join(escaped(heading) for heading in table.headings) + r" \\"


def _body(table: Table, name: str) -> str:
    lines = [line for section in table.parts for line in _section(table, name, section)]
    return "\n".join(lines).removeprefix("\\addlinespace\n")


def _section(table: Table, name: str, section: Section) -> list[str]:
    over = (
        rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\textit{{{escaped(section.heading)}}}}} \\*"
    )
    rows = [_row(table, name, row) for row in section.rows]
    return [r"\addlinespace", over, *rows] if section.heading else rows


def _row(table: Table, name: str, row: int) -> str:
    cells = [_cell(table, row, column) for column in range(len(table.columns))]
    called = f" % {row_id(name, table.keys[row])}" if table.keys else ""
    return " & ".join(cells) + r" \\" + called


def _cell(table: Table, row: int, column: int) -> str:
    shown = escaped(table.rows[row][column].text)
    return rf"\textbf{{{shown}}}" if (row, column) in table.bold and shown else shown


def document(tables: Sequence[str]) -> str:
    """A document of its own that holds the tables."""
    packages = "\n".join(rf"\usepackage{{{package}}}" for package in PACKAGES)
    return "\n".join(
        [
            r"\documentclass[10pt,twocolumn]{article}",
            r"\usepackage[margin=2cm]{geometry}",
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
