"""The run's DuckDB file: built from the journals, at any time, by one writer, and swapped in
whole.
"""

import json
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from haqa_bench import disk
from haqa_bench.arithmetic.estimate import SPEEDS, estimate
from haqa_bench.documents import JsonObject, check_format, read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.store import confirmed, failures
from haqa_bench.store.failures import Failure
from haqa_bench.store.journal import read_lines
from haqa_bench.trial import Measurement, Objective, Trial

if TYPE_CHECKING:
    import duckdb

NAME = "trials.duckdb"
LOCK = "lock.json"
"""The suite as it was run; what makes a folder a run."""
FORMAT = 3
"""Of the journals of a run."""
TABLES = ("made_of", "studies", "trials", "measurements", "pairs", "tests", "failures")
RESTORE = "Restore the file, or delete it to start over"
Row = tuple[str, Mapping[str, Any]]
"""A row, after the name of its table."""
Expected = Mapping[str, Mapping[str, Any]]
"""What the first line of each journal must say, by its path from journal/."""


def trials(path: Path, lines: list[JsonObject]) -> list[Trial]:
    """The trials of a journal.

    Raises:
        HaqaError: a line is no trial, or out of order; names it.
    """
    found: list[Trial] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            told = {k: v for k, v in line.items() if k != "kind"}
            text = json.dumps(told, ensure_ascii=False)
            trial = Trial.model_validate_json(text.encode("utf-8", "replace"))
        except ValidationError as error:
            raise HaqaError(
                f"{path}:{number}",
                f"not a trial: {error.errors()[0]['msg']}",
                RESTORE,
            ) from None
        if trial.number != len(found):
            raise HaqaError(
                f"{path}:{number}",
                f"trial {trial.number} where {len(found)} was due",
                RESTORE,
            )
        found.append(trial)
    return found


def build(folder: Path, expected: Expected) -> Path:
    """Builds the database of the run in `folder` from its journals, whose first lines are as
    `expected`, by their paths from journal/.

    Raises:
        HaqaError: there are none, or one is damaged, or of no study of the run; names file and
        line. Or the database cannot be written: the one before is still there.
    """
    journals = sorted((folder / "journal").glob("*/*.jsonl"))
    if not journals:
        raise HaqaError(folder, "no journals here", "Run a suite first: haqa-bench run SUITE")
    lock, failed = sha256(read_bytes(folder / LOCK)), failures.read(folder)
    rows: list[Row] = [("made_of", {"file": LOCK, "sha256": lock})]
    rows += [("failures", _failure(study, one)) for study, one in failed.items()]
    for path in journals:
        lines = read_lines(path)
        check_head(path, lines, expected.get(f"{path.parent.name}/{path.name}"))
        found = _rows(path, lines)
        rows += [] if lines[0]["id"] in failed else found
    for path in sorted((folder / "confirmed").glob("*/*.jsonl")):
        rows += _confirmed(confirmed.read(path))
    with disk.written(folder / NAME) as partial:
        _write(partial, rows)
    return folder / NAME


def check_head(path: Path, lines: Sequence[JsonObject], expected: Mapping[str, Any] | None) -> None:
    """Raises HaqaError where a journal's first line is not that of its study."""
    if not lines or lines[0].get("kind") != "study":
        raise HaqaError(f"{path}:1", "not a study's journal", "Delete it to start over")
    check_format(f"{path}:1", lines[0], FORMAT)
    if lines[0].get("format", 1) < FORMAT:
        what = "was written by an earlier version"
        raise HaqaError(f"{path}:1", what, "Run the suite again with --fresh")
    if expected is None:
        raise HaqaError(path, "is of no study of this run", "Move it away")
    wrong = [name for name, value in expected.items() if lines[0].get(name) != value]
    if wrong:
        what = f"its {wrong[0]} is not that of the study whose journal should be here"
        raise HaqaError(f"{path}:1", what, "Restore it, or delete it to start over")


def _write(partial: Path, rows: Sequence[Row]) -> None:
    """A new database of rows. What DuckDB could not write is an error here: it keeps silent of a
    checkpoint that failed as it closes, and leaves the rows in a log beside the file.
    """
    import duckdb

    log = partial.with_name(f"{partial.name}.wal")
    try:
        with duckdb.connect(str(partial)) as connection:
            connection.execute(files("haqa_bench.store").joinpath("schema.sql").read_text())
            for table in TABLES:
                lines = partial.with_name(f"{table}.jsonl.partial")
                _insert(connection, table, [row for name, row in rows if name == table], lines)
            connection.execute("CHECKPOINT")
        if log.exists():
            raise HaqaError(partial, "the disk did not take all of it", disk.TODO)
    except duckdb.Error as error:
        raise HaqaError(partial, str(error).splitlines()[0], disk.TODO) from None
    finally:
        log.unlink(missing_ok=True)


def winners(folder: Path, methods: Collection[str] | None = None) -> list[tuple[str, str]]:
    """The best configuration of every study, of these methods alone where they are named, in JSON,
    with its cell's id; none before the run has a database.
    """
    if not (folder / NAME).is_file():
        return []
    sql = (
        "SELECT DISTINCT s.cell, b.configuration, s.method "
        "FROM best_trials b JOIN studies s ON s.id = b.study ORDER BY ALL"
    )
    return [
        (str(cell), str(configuration))
        for cell, configuration, method in query(folder, sql)
        if methods is None or method in methods
    ]


def simulated(folder: Path) -> set[str]:
    """The ids of the cells of which something was simulated, for whatever reason."""
    sql = (
        "SELECT DISTINCT s.cell FROM studies s JOIN measurements m ON m.study = s.id "
        "WHERE m.source = 'simulated'"
    )
    return {str(cell) for (cell,) in query(folder, sql)}


@contextmanager
def connected(folder: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """The database of the run in `folder`, open to read.

    Raises:
        HaqaError: there is none, or it cannot be opened.
    """
    import duckdb

    path = folder / NAME
    if not path.is_file():
        raise HaqaError(
            path, "no database", f"Build it with: haqa-bench db rebuild {shlex.quote(str(folder))}"
        )
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise unreadable(folder, error) from None
    with connection:
        _check_lock(folder, connection)
        yield connection


def _check_lock(folder: Path, connection: "duckdb.DuckDBPyConnection") -> None:
    """Raises HaqaError where a database was made for another lock than lies beside it."""
    import duckdb

    try:
        made_of = connection.execute("SELECT sha256 FROM made_of").fetchall()
    except duckdb.Error as error:
        raise unreadable(folder, error) from None
    if [(sha256(read_bytes(folder / LOCK)),)] != made_of:
        todo = "Restore it, or run the suite again with --fresh"
        raise HaqaError(folder / LOCK, "is not the lock that was run here", todo)


def unreadable(folder: Path, error: Exception) -> HaqaError:
    """What to tell where a database cannot be read."""
    todo = f"Rebuild it with: haqa-bench db rebuild {shlex.quote(str(folder))}"
    return HaqaError(folder / NAME, str(error).splitlines()[0], todo)


def query(folder: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What `sql` finds in the database of the run in `folder`; `values` stand for its question
    marks.

    Raises:
        HaqaError: there is none, or it cannot be read.
    """
    import duckdb

    with connected(folder) as connection:
        try:
            return connection.execute(sql, values).fetchall()
        except duckdb.Error as error:
            raise unreadable(folder, error) from None


def _insert(
    connection: "duckdb.DuckDBPyConnection", table: str, rows: list[Mapping[str, Any]], lines: Path
) -> None:
    """Adds rows at once, through a file of JSON lines: DuckDB takes one row at a time slowly, and
    Arrow would import pandas.
    """
    if not rows:
        return
    described = connection.execute(f"SELECT name, type FROM pragma_table_info('{table}')")
    columns = {name: kind for name, kind in described.fetchall() if name in rows[0]}
    try:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        lines.write_text(text, "utf-8", errors="replace")  # half a character, which DuckDB refuses
        connection.execute(
            f"INSERT INTO {table} BY NAME SELECT * FROM "
            f"read_json(?, format='nd', columns={columns})",
            [str(lines)],
        )
    finally:
        lines.unlink(missing_ok=True)
    taken = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    if taken != len(rows):
        raise HaqaError(lines, f"{taken} of {len(rows)} rows were taken", disk.TODO)


def _rows(path: Path, lines: list[JsonObject]) -> list[Row]:
    """A journal as (table, row)s.

    Raises:
        HaqaError: a value that its samples do not give, or that is better than the best of the
        table; names the line.
    """
    head = dict(lines[0])
    objective = Objective.model_validate_json(json.dumps(head.pop("objective")))
    known = trials(path, lines)
    study = {k: v for k, v in head.items() if k not in ("kind", "format", "identity")} | {
        "settings": json.dumps(head["settings"], sort_keys=True),
        "front": json.dumps(head["front"]) if head["front"] else None,
        "samples": json.dumps(head["samples"], sort_keys=True),
        "goals": len(objective.goals),
        "metric": objective.metric,
        "unit": objective.unit,
        "direction": objective.direction,
    }
    rows: list[Row] = [("studies", study)]
    for trial in known:
        score, usage = objective.score(trial), trial.usage
        feasible = score is not None and not objective.violations(trial, known[0])
        if problem := _problem(trial, objective, head["optimum"] if feasible else None):
            raise HaqaError(f"{path}:{trial.number + 2}", problem, RESTORE)
        row = {
            "study": head["id"],
            "number": trial.number,
            "status": trial.status.value,
            "reason": trial.reason,
            "repeat_of": trial.repeat_of,
            "attempts": trial.attempts,
            "configuration": json.dumps(trial.configuration, sort_keys=True),
            "thought": trial.thought,
            "facts": json.dumps(trial.facts, sort_keys=True),
            "value": trial.value(objective.metric),
            "score": score,
            "scores": objective.scores(trial),
            "rank": trial.rank,
            "seconds": trial.seconds,
            "llm_seconds": usage.seconds if usage else None,
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "completion_tokens": usage.completion_tokens if usage else None,
            "dollars": usage.dollars if usage else None,
            "feasible": feasible,
        }
        rows.append(("trials", row))
        rows += [
            (
                "measurements",
                {"study": head["id"], "number": trial.number, **m.model_dump(mode="json")},
            )
            for m in trial.measurements
        ]
    return rows


def _failure(study: str, failure: Failure) -> Mapping[str, Any]:
    _, cell, method, _ = study.split("/")
    return {"study": study, "cell": cell, "method": method, "what": failure.what}


def _problem(trial: Trial, objective: Objective, optimum: float | None) -> str:
    """What is wrong with a trial's numbers, in words; empty where nothing is. `optimum` is that of
    its table, for a trial that counts.
    """
    others = next((m.samples for m in trial.measurements if m.name == "others_share"), ())
    for m in trial.measurements:
        if not _given(m, others):
            return f"{m.name} is not what its samples give"
    score, sign = objective.score(trial), -1 if objective.direction == "minimize" else 1
    if score is not None and optimum is not None and score > sign * optimum:
        return f"{objective.metric} is better than the best of its table"
    return ""


def _given(measured: Measurement, others: Sequence[float]) -> bool:
    """Whether samples give a value: for speeds, as they are always estimated; else it is the share
    of them that are 1, or lies among them, since a track may have a rule of its own.
    """
    samples, value = measured.samples, measured.value
    if not samples:
        return False
    if measured.unit in SPEEDS:
        return estimate(samples, measured.unit, others).value == value
    return min(samples) <= value <= max(samples) or value == 100 * mean(samples)


def _confirmed(of: confirmed.Confirmed) -> list[Row]:
    """Pairs and tests as (table, row)s; what failed has no values."""
    rows: list[Row] = []
    for line in of.lines:
        about = {
            "cell": of.card.cell,
            "configuration": line.configuration,
            "is_default": line.configuration == of.card.default,
            "machine": of.card.machine,
            "failed": line.failed,
        }
        if isinstance(line, confirmed.Pair):
            rows.append(("pairs", {**about, **_pair(line)}))
        else:
            rows += [("tests", {**about, **test}) for test in _tests(line)]
    return rows


def _pair(line: confirmed.Pair) -> Mapping[str, Any]:
    return {
        "pair": line.pair,
        "default_value": None if line.failed else line.default,
        "tuned_value": None if line.failed else line.tuned,
        "others": line.others,
    }


def _tests(line: confirmed.Test) -> Iterator[Mapping[str, Any]]:
    for name, (value, unit) in (line.values or {"none": (None, "")}).items():
        yield {
            "seed": line.seed,
            "name": name,
            "value": value,
            "unit": unit,
            "items": line.facts.get(name),
        }
