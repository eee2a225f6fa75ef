"""A table in GitHub's Markdown."""

from haqa_bench.report.tables.table import Table


def markdown(table: Table, name: str = "") -> str:
    """Title, table, notes."""
    lines = [table.headings, *table.cells]
    widths = [max(len(row[i]) for row in lines) for i in range(len(table.columns))]
    shown = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    notes = [f"- {note}" for note in table.remarks]
    return "\n".join([f"**{table.title}**", "", *shown, "", *notes]) + "\n"
