"""A table as Markdown or CSV. The same table always gives the same bytes."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from haqa_bench.report.table import Table


def markdown(table: Table) -> str:
    """GitHub's Markdown: title, table, notes."""
    widths = [max(len(row[i]) for row in (table.headings, *table.cells)) for i in range(len(table.headings))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in (table.headings, *table.cells)]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join([f"**{table.title}**", "", *lines, "", *(f"- {note}" for note in table.notes)]) + "\n"


def comma_separated(table: Table) -> str:
    """CSV with a heading line, without the notes."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([table.headings, *table.cells])
    return out.getvalue()


def as_json(table: Table) -> str:
    """One JSON object: title, rows as objects, notes."""
    found = [dict(zip(table.headings, row, strict=True)) for row in table.cells]
    return json.dumps({"title": table.title, "rows": found, "notes": list(table.notes)}, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Table], str]] = {"md": markdown, "csv": comma_separated, "json": as_json}


def several(tables: Sequence[Table], kind: str) -> str:
    """Tables one after the other, a blank line between them; as JSON, a list where there is more than one."""
    texts = [FORMATS[kind](table) for table in tables]
    if kind == "json" and len(texts) > 1:
        return "[" + ",".join(texts) + "]\n"
    return "\n".join(texts)


def write(table: Table, folder: Path, name: str) -> list[Path]:
    """Writes the table as Markdown and CSV; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{suffix}" for suffix in ("md", "csv")]
    for path in paths:
        path.write_text(FORMATS[path.suffix[1:]](table), "utf-8")
    return paths
