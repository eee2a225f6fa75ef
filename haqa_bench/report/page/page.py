"""Runs as one HTML file to explore: tables, curves, and every round of every study. It needs no
server and loads nothing.

Tables are written as HTML, all else as JSON that the page's own scripts show, as text. The policy
in its head lets nothing run or load but what is in the file, by hash. The same runs always give the
same bytes.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from haqa_bench.project import Project, Run, open_run, project_above
from haqa_bench.report.page.data import PageData, RunShown
from haqa_bench.report.page.recordings import Recording, recordings
from haqa_bench.report.page.runs import run_shown
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import Key, Table, Value, id_of

NAME = "report.html"
SCRIPTS = ("elements.js", "tables.js", "chart.js", "curves.js", "studies.js", "page.js")
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


class Source(NamedTuple):
    """What to show: a run, its project, and the recordings of its studies by id."""

    run: Run
    project: Project
    recordings: Mapping[str, Recording]


class Cell(NamedTuple):
    """A cell ready for the template: its text, its id (empty for none), and what it is sorted by,
    in full (empty for words).
    """

    text: str
    id: str
    number: str


class Shown(NamedTuple):
    """A table ready for the template, and which of its columns are numbers."""

    name: str
    table: Table
    numeric: Sequence[bool]
    rows: Sequence[Sequence[Cell]]


def write(runs: Sequence[Source], target: Path) -> Path:
    """Writes the page of `runs` to `target`, a file, or a folder (what has no suffix, or is one);
    the file's path.

    Raises:
        HaqaError: a database cannot be read.
    """
    path = target / NAME if target.is_dir() or not target.suffix else target
    text = html(runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def write_runs(folders: Sequence[Path], target: Path, given: Path | None = None) -> Path:
    """Writes the page of the runs in some folders, with the cassettes of their project, which is
    the one given or lies above them; the file's path.

    Raises:
        HaqaError: a run, a cassette or the project cannot be read.
    """
    with ExitStack() as stack:
        sources = []
        for folder in dict.fromkeys(folders):
            run, project = stack.enter_context(open_run(folder)), project_above(folder, given)
            sources.append(Source(run, project, recordings(run, project)))
        return write(sources, target)


def html(runs: Sequence[Source]) -> str:
    """The page of `runs`.

    Raises:
        HaqaError: a database cannot be read.
    """
    from jinja2 import Environment, StrictUndefined

    texts: dict[str, int] = {}
    shown = [run_shown(source.run, source.recordings, texts) for source in runs]
    taken: set[str] = set()
    tables = [
        [
            _shown(name, table, found, taken)
            for name, table in catalogue.tables(source.run, source.project).items()
        ]
        for source, found in zip(runs, shown, strict=True)
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
    called = _free(name, run, taken)
    keys: list[Key | None] = [*table.keys] or [None] * len(table.rows)
    rows = [
        [
            Cell(
                found.text,
                _free(id_of(name, key, column.name), run, taken) if key else "",
                _sorted_by(found),
            )
            for column, found in zip(table.columns, row, strict=True)
        ]
        for key, row in zip(keys, table.rows, strict=True)
    ]
    numeric = [table.numeric(column) for column in range(len(table.columns))]
    return Shown(called, table, numeric, rows)


def _sorted_by(found: Value) -> str:
    number = found.low if found.number is None else found.number
    return "" if number is None else repr(float(number))


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
