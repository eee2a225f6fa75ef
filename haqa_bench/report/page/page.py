"""Runs as one HTML file to explore: a summary, tables, curves, and every round of every study. It
needs no server and loads nothing.

Summary and tables are written as HTML, all else as compressed JSON that the page's own scripts
show, as text. The policy in its head lets nothing run or load but what is in the file, by hash. The
same runs always give the same bytes.
"""

import base64
import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench import disk
from haqa_bench.project import Project, Run, open_run, project_above
from haqa_bench.report.methods import colour, order
from haqa_bench.report.page.answer import Answer, Answering, AnswerShown, unasked
from haqa_bench.report.page.data import PageData, RunShown
from haqa_bench.report.page.origins import Origins, origins
from haqa_bench.report.page.recordings import Recording, recordings
from haqa_bench.report.page.runs import run_shown
from haqa_bench.report.page.shown import Ids, Shown, shown
from haqa_bench.report.page.summary import Summary, summary
from haqa_bench.report.tables import catalogue

if TYPE_CHECKING:
    from jinja2 import Template

NAME = "report.html"
SCRIPTS = (
    "elements.js",
    "rounding.js",
    "address.js",
    "tables.js",
    "numbers.js",
    "chart.js",
    "curves.js",
    "studies.js",
    "page.js",
)
POLICY = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


class Source(NamedTuple):
    """What to show: a run, its project, the recordings of its studies by id, and its answer, where
    it has one.
    """

    run: Run
    project: Project
    recordings: Mapping[str, Recording]
    answer: Answer | None = None


class Told(NamedTuple):
    """All that the page tells of a run, ready for the template."""

    run: RunShown
    summary: Summary
    origins: Origins
    tables: Sequence[Shown]
    answer: AnswerShown | None


def write(runs: Sequence[Source], target: Path) -> Path:
    """Writes the page of `runs` to `target`, a file, or a folder (what has no suffix, or is one);
    the file's path.

    Raises:
        HaqaError: a database cannot be read.
    """
    path = target / NAME if target.is_dir() or not target.suffix else target
    text = html(runs)
    return disk.write(path, text)


def write_runs(
    folders: Sequence[Path],
    target: Path,
    given: Path | None = None,
    answering: Answering = unasked,
) -> Path:
    """Writes the page of the runs in some folders, with the cassettes of their project, which is
    the one given or lies above them, and the answers that are found; the file's path.

    Raises:
        HaqaError: a run, a cassette or the project cannot be read.
    """
    with opened(folders, given, answering=answering) as sources:
        return write(sources, target)


@contextmanager
def opened(
    folders: Sequence[Path],
    given: Path | None = None,
    reader: Callable[[Path], AbstractContextManager[Run]] = open_run,
    answering: Answering = unasked,
) -> Iterator[list[Source]]:
    """The runs in some folders, each once, as `reader` reads them, with the cassettes of their
    project and the answers that are found.

    Raises:
        HaqaError: a run, a cassette or the project cannot be read.
    """
    with ExitStack() as stack:
        sources = []
        for folder in dict.fromkeys(folders):
            run, project = stack.enter_context(reader(folder)), project_above(folder, given)
            found = answering(run, project)
            sources.append(Source(run, project, recordings(run, project), found))
        yield sources


def html(runs: Sequence[Source]) -> str:
    """The page of `runs`.

    Raises:
        HaqaError: a database or a response table cannot be read.
    """
    texts: dict[str, int] = {}
    ids = Ids()
    told = [_told(source, texts, ids) for source in runs]
    methods = order({s.method for one in told for cell in one.run.cells for s in cell.studies})
    style = "\n".join([_read("page.css"), *_colours(methods)])
    script = "\n".join(_read(name) for name in SCRIPTS)
    return _template().render(
        title=", ".join(dict.fromkeys(one.run.suite for one in told)),
        runs=told,
        style=style,
        script=script,
        policy=POLICY.format(script=_hash(script), style=_hash(style)),
        data=_packed([one.run for one in told], methods, texts),
    )


def _told(source: Source, texts: dict[str, int], ids: Ids) -> Told:
    run, project = source.run, source.project
    data = run_shown(run, source.recordings, texts)
    made = catalogue.tables(run, project) | catalogue.compared(run, project)
    tables = [shown(name, table, data, run.cells, ids) for name, table in made.items()]
    answer = _answered(source, data, ids)
    return Told(data, summary(run, data, tables), origins(run, project), tables, answer)


def _answered(source: Source, data: RunShown, ids: Ids) -> AnswerShown | None:
    if source.answer is None:
        return None
    tables = source.answer.tables.items()
    ready = [shown(name, table, data, source.run.cells, ids) for name, table in tables]
    return AnswerShown(source.answer, ready)


def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_read("template.html"))


def _colours(methods: Sequence[str]) -> Iterator[str]:
    """The style of each method, by its place; dashed where it shares the colour of another."""
    taken: set[str] = set()
    for place, method in enumerate(methods):
        code = colour(method)
        yield f".m{place} {{ --c: {code}; --dashes: {'6 3' if code in taken else 'none'}; }}"
        taken.add(code)


def _packed(runs: Sequence[RunShown], methods: Sequence[str], texts: Iterable[str]) -> str:
    """What is embedded: JSON, a tenth as long by gzip, in letters that end no element."""
    lines: dict[str, int] = {}
    folded = tuple(
        tuple(lines.setdefault(line, len(lines)) for line in text.split("\n")) for text in texts
    )
    data = PageData(runs=tuple(runs), methods=tuple(methods), texts=folded, lines=tuple(lines))
    whole = data.model_dump_json(exclude_defaults=True).encode()
    return base64.b64encode(gzip.compress(whole, mtime=0)).decode()


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return files("haqa_bench.report.page").joinpath(name).read_text("utf-8")
