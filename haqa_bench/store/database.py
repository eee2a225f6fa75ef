"""The run's DuckDB file: built from the journals, at any time, by one writer, and swapped in
whole.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from haqa_bench.documents import JsonObject, check_format
from haqa_bench.errors import HaqaError
from haqa_bench.store import failures
from haqa_bench.store.failures import Failure
from haqa_bench.store.journal import read_lines
from haqa_bench.trial import Objective, Trial

if TYPE_CHECKING:
    import duckdb

NAME = "trials.duckdb"
FORMAT = 2
"""Of the journals of a run."""


def trials(path: Path, lines: list[JsonObject]) -> list[Trial]:
    """The trials of a journal.

    Raises:
        HaqaError: a line is no trial, or out of order; names it.
    """
    found: list[Trial] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            trial = Trial.model_validate_json(
                json.dumps({k: v for k, v in line.items() if k != "kind"})
            )
        except ValidationError as error:
            raise HaqaError(
                f"{path}:{number}",
                f"not a trial: {error.errors()[0]['msg']}",
                "Restore the file, or delete it to start over",
            ) from None
        if trial.number != len(found):
            raise HaqaError(
                f"{path}:{number}",
                f"trial {trial.number} where {len(found)} was due",
                "Restore the file, or delete it to start over",
            )
        found.append(trial)
    return found


def build(folder: Path) -> Path:
    """Builds the database of the run in `folder` from its journals.

    Raises:
        HaqaError: there are none, or one is damaged; names file and line.
    """
    import duckdb

    journals = sorted((folder / "journal").glob("*/*.jsonl"))
    if not journals:
        raise HaqaError(folder, "no journals here", "Run a suite first: haqa-bench run SUITE")
    partial = folder / f"{NAME}.partial"
    partial.unlink(missing_ok=True)
    with duckdb.connect(str(partial)) as connection:
        connection.execute(files("haqa_bench.store").joinpath("schema.sql").read_text())
        failed = failures.read(folder)
        found = [_rows(path, read_lines(path)) for path in journals]
        rows = [row for of in found if of[0][1]["id"] not in failed for row in of]
        rows += [("failures", _failure(study, one)) for study, one in failed.items()]
        rows += [
            row
            for path in sorted((folder / "confirmed").glob("*/*.jsonl"))
            for row in _confirmed(read_lines(path))
        ]
        for table in ("studies", "trials", "measurements", "pairs", "tests", "failures"):
            lines = folder / f"{table}.jsonl.partial"
            _insert(connection, table, [row for name, row in rows if name == table], lines)
    partial.replace(folder / NAME)
    return folder / NAME


def winners(folder: Path) -> list[tuple[str, str]]:
    """The best configuration of every study, in JSON, with its cell's id; none before the run has a
    database.
    """
    if not (folder / NAME).is_file():
        return []
    sql = (
        "SELECT DISTINCT s.cell, b.configuration FROM best_trials b JOIN studies s ON s.id "
        "= b.study ORDER BY ALL"
    )
    return [(str(cell), str(configuration)) for cell, configuration in query(folder, sql)]


@contextmanager
def connected(folder: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """The database of the run in `folder`, open to read.

    Raises:
        HaqaError: there is none, or it cannot be opened.
    """
    import duckdb

    path = folder / NAME
    if not path.is_file():
        raise HaqaError(path, "no database", f"Build it with: haqa-bench db rebuild {folder}")
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise unreadable(folder, error) from None
    with connection:
        yield connection


def unreadable(folder: Path, error: Exception) -> HaqaError:
    """What to tell where a database cannot be read."""
    todo = f"Rebuild it with: haqa-bench db rebuild {folder}"
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
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT * FROM read_json(?, format='nd', columns={columns})",
        [str(lines)],
    )
    lines.unlink()


def _rows(path: Path, lines: list[JsonObject]) -> list[tuple[str, Mapping[str, Any]]]:
    """A journal as (table, row)s."""
    if not lines or lines[0].get("kind") != "study":
        raise HaqaError(f"{path}:1", "not a study's journal", "Delete it to start over")
    check_format(f"{path}:1", lines[0], FORMAT)
    if lines[0].get("format", 1) < FORMAT:
        what = "was written by an earlier version"
        raise HaqaError(f"{path}:1", what, "Run the suite again with --fresh")
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
    rows: list[tuple[str, Mapping[str, Any]]] = [("studies", study)]
    for trial in known:
        score, usage = objective.score(trial), trial.usage
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
            "feasible": score is not None and not objective.violations(trial, known[0]),
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


def _confirmed(lines: list[JsonObject]) -> list[tuple[str, Mapping[str, Any]]]:
    """A journal of pairs and tests as (table, row)s; what failed has no values."""
    card, *entries = lines
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for entry in entries:
        about = {
            "cell": card["cell"],
            "configuration": entry["configuration"],
            "is_default": entry["configuration"] == card["default"],
            "machine": card["machine"],
            "failed": entry["failed"],
        }
        rows += (
            _tests(entry, about) if entry["kind"] == "test" else [("pairs", _pair(entry, about))]
        )
    return rows


def _pair(entry: Mapping[str, Any], about: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        **about,
        "pair": entry["pair"],
        "default_value": None if entry["failed"] else entry["default"],
        "tuned_value": None if entry["failed"] else entry["tuned"],
        "others": entry["others"],
    }


def _tests(
    entry: Mapping[str, Any], about: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any]]]:
    values: Mapping[str, Any] = entry["values"] or {"none": (None, "")}
    return [
        (
            "tests",
            {
                **about,
                "seed": entry["seed"],
                "name": name,
                "value": value,
                "unit": unit,
                "items": entry["facts"].get(name),
            },
        )
        for name, (value, unit) in values.items()
    ]
