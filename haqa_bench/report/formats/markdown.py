"""A table in GitHub's Markdown."""

from collections.abc import Sequence

from haqa_bench.report.tables.table import Table


def markdown(table: Table, name: str = "") -> str:
    """Title, a table for each section, notes."""
    every = range(len(table.columns))
    texts = [[_shown(table, row, i) for i in every] for row in range(len(table.rows))]
    widths = [max(len(row[i]) for row in [table.headings, *texts]) for i in every]
    lines = [f"**{table.title}**", ""]
    for section in table.parts:
        lines += [section.heading, ""] if section.heading else []
        lines += _lines(table.headings, [texts[row] for row in section.rows], widths)
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in table.remarks)]) + "\n"


def _shown(table: Table, row: int, column: int) -> str:
    text = table.rows[row][column].text.replace("|", r"\|")
    return f"**{text}**" if (row, column) in table.bold and text else text


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    shown = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in [heads, *rows]
    ]
    shown.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return shown
