"""Options that several commands share, and how a suite's path leads to its project folder."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench.cli import completion
from haqa_bench.cli.given import COUNT, SEED, FilePath
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.report.tables.table import Table
    from haqa_bench.study import Study
    from haqa_bench.suite import Suite


def _runs_go(context: click.Context, _parameter: click.Parameter, folder: Path | None) -> None:
    """Lets runs lie in a folder, as long as the command runs."""
    if folder is None:
        return
    before = os.environ.get("HAQA_BENCH_RUNS")
    os.environ["HAQA_BENCH_RUNS"] = str(folder.resolve())

    def restore() -> None:
        del os.environ["HAQA_BENCH_RUNS"]
        if before is not None:
            os.environ["HAQA_BENCH_RUNS"] = before

    context.call_on_close(restore)


Command = Callable[..., Any]


def _resolved(name: str, read: Callable[[Any, Path | None], Any]) -> Callable[[Command], Command]:
    """Lets a command be called with what an argument names, instead of its words."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def call(**given: Any) -> Any:
            return command(**given | {name: read(given[name], given.get("project"))})

        return call

    return decorate


def _suite(path: Path, project: Path | None) -> Path:
    from haqa_bench.project import find_suite

    return find_suite(path, project)


def _run(path: Path, project: Path | None) -> Path:
    from haqa_bench.project import find_run

    return find_run(str(path), project)


def _runs(paths: Sequence[Path], project: Path | None) -> list[Path]:
    return [_run(path, project) for path in paths]


def SUITE(command: Command) -> Command:  # noqa: N802 # it is used as the options are
    """A suite: its file, or its name in suites/ of the project, or the one that it says."""
    argument = click.argument(
        "suite_path", metavar="SUITE", type=FilePath(), shell_complete=completion.suites
    )
    return argument(_resolved("suite_path", _suite)(command))


def RUN(command: Command) -> Command:  # noqa: N802
    """A run: its folder, how its folder's name begins, or its suite's name for the latest."""
    argument = click.argument(
        "run_folder", metavar="RUN", type=FilePath(), shell_complete=completion.runs
    )
    return argument(_resolved("run_folder", _run)(command))


def RUNS(command: Command) -> Command:  # noqa: N802
    """Any number of runs."""
    argument = click.argument(
        "run_folders", metavar="[RUN]...", type=FilePath(), nargs=-1, shell_complete=completion.runs
    )
    return argument(_resolved("run_folders", _runs)(command))


RUNS_FOLDER = click.option(
    "--runs",
    "runs_folder",
    type=FilePath(file_okay=False),
    expose_value=False,
    callback=_runs_go,
    help="Folder of runs; results/runs/ of the project when left out.  [env: HAQA_BENCH_RUNS]",
)
PROJECT = click.option(
    "--project",
    type=FilePath(),
    help="Folder of prompts/, hardware/, cassettes/ and results/; found above SUITE, or else the "
    "current folder.",
)
DATA = click.option(
    "--data-dir",
    type=FilePath(file_okay=False),
    envvar="HAQA_BENCH_DATA",
    expose_value=False,
    callback=lambda _context, _parameter, value: os.environ.update(
        {"HAQA_BENCH_DATA": str(value.resolve())} if value else {}
    ),
    help="Folder of data sets, on a machine that reaches no hub (docs/training.md).  [env: "
    "HAQA_BENCH_DATA]",
)
TRAININGS = click.option(
    "--workers",
    type=COUNT,
    default=1,
    show_default=True,
    help="Trainings at once; the cores are shared among them.",
)
EXECUTOR = click.option(
    "--executor",
    "where",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Measure here, or on the machines of a Ray cluster that offer a cell's hardware as "
    "a resource, one configuration a machine at a time.",
)
ADDRESS = click.option(
    "--address",
    default="auto",
    show_default=True,
    help="Where the Ray cluster is; auto is one that runs on this machine.",
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout."
)


CELLS = click.option(
    "--cells",
    shell_complete=completion.cells,
    help="Only these cells, such as '*int4*'; * and ? match.",
)


def FORMAT(command: Command) -> Command:  # noqa: N802
    """The form of tables, of which --json is one: the command gets `kind`."""

    @click.option(
        "--format",
        "kind",
        type=click.Choice(["text", "md", "csv", "json", "tex", "html"]),
        default="text",
        show_default=True,
        help="How tables are written.",
    )
    @click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
    @wraps(command)
    def call(kind: str, as_json: bool, **given: Any) -> Any:
        return command(kind="json" if as_json else kind, **given)

    return call


WIDE = click.option(
    "--wide", is_flag=True, help="Everything: all columns and notes, as wide as they are."
)


def parts_of_tables(command: Command) -> Command:
    """Options that choose what of tables is printed: the command gets `asked`, from the tables to
    what of them was asked for.
    """

    @click.option("--columns", help="Only these columns, as ids name them: tokens-s,confirmed.")
    @click.option(
        "--methods",
        shell_complete=completion.methods,
        help="Only these methods, such as haqa,random; * and ? match.",
    )
    @CELLS
    @wraps(command)
    def call(columns: str | None, methods: str | None, cells: str | None, **given: Any) -> Any:
        return command(asked=partial(_asked, columns, methods, cells), **given)

    return call


def _asked(
    columns: str | None, methods: str | None, cells: str | None, tables: "Mapping[str, Table]"
) -> "dict[str, Table]":
    """What of some tables was asked for, without those of which nothing is left.

    Raises:
        HaqaError: an option matches nothing.
    """
    from haqa_bench.report.formats.filters import Wanted

    made = list(tables.values())
    keys = [key for table in made for key in table.keys]
    of_columns = [column for table in made for column in table.columns]
    known = {
        "--columns": (columns, [c.slug for c in of_columns if c.role != "key"]),
        "--methods": (methods, [*(k.method for k in keys), *(c.method for c in of_columns)]),
        "--cells": (cells, [key.cell for key in keys]),
    }
    for option, (wanted, names) in known.items():
        matching(option, wanted, list(dict.fromkeys(filter(None, names))))
    asked = Wanted(*(_split(text) for text in (columns, methods, cells)))
    found = {name: asked.of(table) for name, table in tables.items()}
    return {name: table for name, table in found.items() if table.rows or not tables[name].rows}


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",")]


def share_cores(workers: int) -> None:
    """Lets each of several trainings have its part of the cores, unless OMP_NUM_THREADS says
    otherwise.
    """
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


def selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that choose among a suite's studies."""
    for option in (
        click.option(
            "--seeds",
            type=COUNT,
            metavar="N",
            help="N seeds, 0 to N-1, for methods that have none of their own.",
        ),
        click.option(
            "--seed", type=SEED, multiple=True, help="Only this seed; may be given again."
        ),
        click.option(
            "--methods",
            shell_complete=completion.methods,
            help="Only these methods, such as haqa,random; * and ? match; all is all.",
        ),
        CELLS,
    ):
        command = option(command)
    return command


QUIET_KEY = "haqa_bench.quiet"
"""Of click's context: no progress is told."""
QUIET = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=lambda context, _parameter, quiet: context.meta.update({QUIET_KEY: quiet}),
    help="No progress on stderr.",
)


def written(paths: Iterable[Path], more: Mapping[str, object] | None = None) -> str:
    """The files that a command wrote, as its JSON, and what `more` it tells."""
    told = {"written": [str(path) for path in paths], **(more or {})}
    return json.dumps(told, indent=2, ensure_ascii=False)


def project_of(place: Path, given: Path | None) -> Path:
    """The project folder: the one given, or the nearest above a suite or run, or above here."""
    from haqa_bench.project import project_above

    return project_above(place, given).folder


def open_suite(
    suite_path: Path, given: Path | None, added: Sequence[str] = (), recorded: bool = True
) -> tuple["Suite", Path]:
    """The suite at a path, with the methods that were `added`, and its project folder; `recorded`
    as suite.load has it.
    """
    from haqa_bench import registry, suite
    from haqa_bench.cli.methods import with_methods
    from haqa_bench.documents import read_bytes

    read_bytes(suite_path)
    project = project_of(suite_path, given)
    loaded = suite.load(suite_path, project, recorded)
    if added:
        loaded = with_methods(loaded, added)
    registry.check(loaded.methods)
    return loaded, project


HARDWARE = click.option(
    "--hardware",
    metavar="NAME",
    help="The same cells on this machine: its profile in hardware/, in place of what SUITE names.",
)


def open_elsewhere(
    suite_path: Path,
    given: Path | None,
    device: str | None,
    cells: str | None,
    added: Sequence[str] = (),
) -> tuple["Suite", Path]:
    """The suite at a path and its project folder, as `open_suite`; where a device is named, with
    the cells that match on it alone.

    Raises:
        HaqaError: there is no such profile, or nothing of the suite is measured there.
    """
    from haqa_bench import hardware
    from haqa_bench.run.elsewhere import moved

    suite, project = open_suite(suite_path, given, added)
    if device is None:
        return suite, project
    ids = matching("--cells", cells, [cell.id for cell in suite.cells])
    return moved(suite, hardware.load(project / "hardware", device), ids), project


def chosen(
    suite: "Suite", cells: str | None, methods: str | None, seed: Sequence[int] = ()
) -> list["Study"]:
    """The studies of a suite that the selection options leave.

    Raises:
        HaqaError: an option matches nothing.
    """
    methods = None if methods == "all" else methods
    names = {
        "--cells": (cells, [c.id for c in suite.cells]),
        "--methods": (methods, [m.name for m in suite.methods]),
    }
    kept = {option: matching(option, wanted, known) for option, (wanted, known) in names.items()}
    studies = [
        s
        for s in suite.studies()
        if s.cell.id in kept["--cells"] and s.method.name in kept["--methods"]
    ]
    if not studies:
        raise HaqaError(
            "--methods",
            f"{methods} runs on none of these cells",
            "The suite gives it others, by `tracks` or `cells`",
        )
    left = [s for s in studies if not seed or s.seed in seed]
    if not left:
        raise HaqaError(
            "--seed",
            f"{', '.join(map(str, seed))}: no study has it",
            f"Known: {sorted({s.seed for s in studies})}",
        )
    return left


def matching(option: str, wanted: str | None, known: Sequence[str]) -> Sequence[str]:
    """The names that an option's patterns match, all where it was not given.

    Raises:
        HaqaError: a pattern matches nothing; lists what there is.
    """
    if wanted is None:
        return known
    patterns = _split(wanted) or []
    for pattern in patterns:
        if not any(fnmatch(name, pattern) for name in known):
            raise HaqaError(option, f"'{pattern}' matches nothing", _meant(pattern, known))
    return [name for name in known if any(fnmatch(name, pattern) for pattern in patterns)]


def _meant(pattern: str, known: Sequence[str]) -> str:
    """What to write instead of a pattern that matches nothing: part of a name wants stars."""
    if pattern and any(pattern in name for name in known):
        return f"Did you mean '*{pattern}*'?"
    return nearest(pattern, known)
