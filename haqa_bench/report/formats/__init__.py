"""A table as text, Markdown, CSV, JSON, LaTeX or HTML; the same one always gives the same bytes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from haqa_bench import disk
from haqa_bench.report.formats.as_json import as_json
from haqa_bench.report.formats.comma_separated import comma_separated
from haqa_bench.report.formats.html import html
from haqa_bench.report.formats.latex import latex
from haqa_bench.report.formats.markdown import markdown
from haqa_bench.report.formats.terminal import terminal, width
from haqa_bench.report.labels import labelled
from haqa_bench.report.tables.parted import parted
from haqa_bench.report.tables.short import short
from haqa_bench.report.tables.table import Table

FORMATS: Mapping[str, Callable[[Table, str], str]] = {
    "text": terminal,
    "md": markdown,
    "csv": comma_separated,
    "json": as_json,
    "tex": latex,
    "html": html,
}


PAGE = 104
"""Characters that a line of a page of LaTeX has room for, in the letters that its tables have."""


def printed(table: Table, name: str, kind: str, wide: bool = False) -> str:
    """One table: short, unless it is to be `wide`; CSV and JSON always hold everything."""
    if kind in ("csv", "json"):
        return FORMATS[kind](table, name)
    room = {"text": width(), "tex": PAGE}
    shown = labelled(table)
    return FORMATS[kind](shown if wide else short(shown, room.get(kind)), name)


def several(tables: Mapping[str, Table], kind: str, wide: bool = False) -> str:
    """Tables by name, one after the other, a blank line between them; as JSON, a list where there
    is not just one.
    """
    texts = [printed(table, name, kind, wide) for name, table in tables.items()]
    if kind == "json" and len(texts) != 1:
        return "[" + ",".join(texts) + "]\n"
    return "\n".join(texts)


def in_parts(tables: Mapping[str, Table], kind: str, wide: bool = False) -> str:
    """The same, without leaving a column out for want of room: a table that a terminal or a page
    has no room for stands there in parts.
    """
    room = {"text": width(), "tex": PAGE}
    if wide or kind not in room:
        return several(tables, kind, wide)
    parts = [
        printed(part, f"{name}-{i}" if i else name, kind)
        for name, table in tables.items()
        for i, part in enumerate(parted(table, room[kind]))
    ]
    return "\n".join(parts)


def write(
    table: Table,
    folder: Path,
    name: str,
    kinds: Sequence[str] = ("md", "csv", "tex"),
    wide: bool = False,
    in_full: bool = False,
) -> list[Path]:
    """Writes the table in some formats, Markdown, CSV and LaTeX by default; the paths. `in_full`
    leaves no column out for want of room.
    """
    told = in_parts if in_full else several
    paths = [folder / f"{name}.{suffix}" for suffix in kinds]
    for path in paths:
        disk.write(path, told({name: table}, path.suffix[1:], wide))
    return paths
