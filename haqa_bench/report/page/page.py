"""Runs as one HTML file to explore: tables, curves, and every round of every study. It needs no
server and loads nothing.

Tables are written as HTML, all else as JSON that the page's own scripts show, as text. The policy
in its head lets nothing run or load but what is in the file, by hash. The same runs always give the
same bytes.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from haqa_bench.report import paper
from haqa_bench.report.page.data import PageData, RunShown
from haqa_bench.report.page.runs import Recording, run_shown
from haqa_bench.report.table import Table, id_of

NAME = "report.html"
SCRIPTS = ("elements.js", "tables.js", "chart.js", "curves.js", "studies.js", "page.js")
POLICY = "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; base-uri 'none'; form-action 'none'"


class Run(NamedTuple):
    """What to show: a run's folder, where published numbers lie, and the recordings of its studies
    by id.
    """

    folder: Path
    paper_tables: Path
    recordings: Mapping[str, Recording]


class Shown(NamedTuple):
    """A table ready for the template: which columns are numbers, and what each cell's id is (empty
    for none).
    """

    name: str
    table: Table
    numeric: Sequence[bool]
    ids: Sequence[Sequence[str]]


def write(runs: Sequence[Run], target: Path) -> Path:
    """Writes the page of `runs` to `target`, a file, or a folder (what has no suffix, or is one);
    the file's path.

    Raises:
        HaqaError: a run has no database, or it cannot be read.
    """
    path = target / NAME if target.is_dir() or not target.suffix else target
    text = html(runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def html(runs: Sequence[Run]) -> str:
    """The page of `runs`.

    Raises:
        HaqaError: a run has no database, or it cannot be read.
    """
    from jinja2 import Environment, StrictUndefined

    texts: dict[str, int] = {}
    shown = [run_shown(run.folder, run.recordings, texts) for run in runs]
    taken: set[str] = set()
    tables = [
        [
            _shown(name, table, found, taken)
            for name, table in paper.tables(run.folder, run.paper_tables).items()
        ]
        for run, found in zip(runs, shown, strict=True)
    ]
    style, script = _read("page.css"), "\n".join(_read(name) for name in SCRIPTS)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_read("template.html")).render(
        title=", ".join(dict.fromkeys(run.suite for run in shown)),
        runs=list(zip(shown, tables, strict=True)),
        style=style,
        script=script,
        policy=POLICY.format(script=_hash(script), style=_hash(style)),
        data=_json(shown, texts),
    )


def _json(runs: Sequence[RunShown], texts: Iterable[str]) -> str:
    """What is embedded; without the `<` that could end its element."""
    lines: dict[str, int] = {}
    folded = tuple(
        tuple(lines.setdefault(line, len(lines)) for line in text.split("\n")) for text in texts
    )
    data = PageData(runs=tuple(runs), texts=folded, lines=tuple(lines))
    return data.model_dump_json(exclude_defaults=True).replace("<", "\\u003c")


def _shown(name: str, table: Table, run: RunShown, taken: set[str]) -> Shown:
    ids = [
        [_free(id_of(name, key, heading), run, taken) for heading in table.headings]
        for key in table.keys
    ]
    return Shown(
        _free(name, run, taken),
        table,
        [table.numeric(column) for column in range(len(table.headings))],
        ids,
    )


def _free(wanted: str, run: RunShown, taken: set[str]) -> str:
    """An id that nothing on the page has yet: of several runs' equal ones, the later carry their
    run's name.
    """
    free = f"{wanted}@{run.name}" if wanted in taken else wanted
    taken.add(free)
    return free


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return files("haqa_bench.report.page").joinpath(name).read_text("utf-8")
