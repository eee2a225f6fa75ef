"""A table as Markdown, CSV, JSON, LaTeX or HTML. The same table always gives the same bytes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from haqa_bench.report.formats.as_json import as_json
from haqa_bench.report.formats.comma_separated import comma_separated
from haqa_bench.report.formats.html import html
from haqa_bench.report.formats.latex import latex
from haqa_bench.report.formats.markdown import markdown
from haqa_bench.report.tables.table import Table

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
