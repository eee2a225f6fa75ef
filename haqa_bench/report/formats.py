"""A table as Markdown, CSV, JSON, LaTeX or HTML. The same table always gives the same bytes."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

from haqa_bench.report.latex import latex
from haqa_bench.report.table import Table, id_of


def markdown(table: Table, name: str = "") -> str:
    """GitHub's Markdown: title, table, notes."""
    widths = [
        max(len(row[i]) for row in (table.headings, *table.cells))
        for i in range(len(table.headings))
    ]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in (table.headings, *table.cells)
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return (
        "\n".join([f"**{table.title}**", "", *lines, "", *(f"- {note}" for note in table.notes)])
        + "\n"
    )


def comma_separated(table: Table, name: str = "") -> str:
    """CSV with a heading line, without the notes; each row's id last, to which a heading is added
    for a number's.
    """
    out = io.StringIO()
    ids = [[f"{name}:{key}"] for key in table.keys] or [[] for _ in table.cells]
    rows = [[*row, *called] for row, called in zip(table.cells, ids, strict=True)]
    csv.writer(out, lineterminator="\n").writerows(
        [[*table.headings, *(["id"] if table.keys else [])], *rows]
    )
    return out.getvalue()


def as_json(table: Table, name: str = "") -> str:
    """One JSON object: name, title, rows as objects, the id of each number in them, what each
    column holds, notes.
    """
    found = [dict(zip(table.headings, row, strict=True)) for row in table.cells]
    ids = [
        {h: id_of(name, key, h) for h, text in row.items() if text}
        for key, row in zip(table.keys, found, strict=False)
    ]
    told = {
        "name": name,
        "title": table.title,
        "rows": found,
        "ids": ids,
        "about": dict(table.about),
        "notes": list(table.notes),
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def html(table: Table, name: str = "") -> str:
    """A section of HTML: the table, its numbers with their ids, its notes."""
    head = "".join(
        f'<th scope="col" title="{escape(table.about.get(h, ""))}">{escape(h)}</th>'
        for h in table.headings
    )
    rows = "\n".join(
        f"<tr>{''.join(_cell(table, name, i, j) for j in range(len(row)))}</tr>"
        for i, row in enumerate(table.cells)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    heading = f"<h2>{escape(table.title)}</h2>"
    return f'<section id="{escape(name)}">\n{heading}\n<table>\n<tr>{head}</tr>\n{rows}\n</table>\n<ul>{notes}</ul>\n</section>\n'


def _cell(table: Table, name: str, row: int, column: int) -> str:
    text = escape(table.cells[row][column])
    shown = f"<b>{text}</b>" if (row, column) in table.bold else text
    called = (
        f' id="{escape(id_of(name, table.keys[row], table.headings[column]))}"'
        if table.keys and text
        else ""
    )
    return f"<td{called}>{shown}</td>"


FORMATS: Mapping[str, Callable[[Table, str], str]] = {
    "md": markdown,
    "csv": comma_separated,
    "json": as_json,
    "tex": latex,
    "html": html,
}


def several(tables: Mapping[str, Table], kind: str) -> str:
    """Tables by name, one after the other, a blank line between them; as JSON, a list where there
    is more than one.
    """
    texts = [FORMATS[kind](table, name) for name, table in tables.items()]
    if kind == "json" and len(texts) > 1:
        return "[" + ",".join(texts) + "]\n"
    return "\n".join(texts)


def write(
    table: Table, folder: Path, name: str, kinds: Sequence[str] = ("md", "csv", "tex")
) -> list[Path]:
    """Writes the table in some formats, Markdown, CSV and LaTeX by default; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{suffix}" for suffix in kinds]
    for path in paths:
        path.write_text(FORMATS[path.suffix[1:]](table, name), "utf-8")
    return paths
