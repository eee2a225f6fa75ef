"""What a project holds, in a form that two runs of the same commands have in common: dates and
latencies of live answers are left out, a database is its rows.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

VOLATILE = frozenset(("seconds", "llm_seconds", "recorded", "date", "sha256", "chain", "previous"))
"""Names of what differs from one recording to the next: dates, latencies, and hashes of those."""
RUN = re.compile(r"(cassette|live)-(recorded|live)-[0-9a-f]{12}")
"""The name of a run's folder, whose hash has that of its cassettes in it."""
State = Mapping[str, tuple[str, ...]]
"""By path: the lines of a file, or the rows of a database."""


class Harm(NamedTuple):
    """Files that are missing or cut, and files that are neither old nor new."""

    lost: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()


def state(folder: Path, parts: Sequence[str]) -> State:
    """What the files in parts of a folder hold. Unfinished files are left out."""
    named = _names(folder)
    return {
        steady_text(path.relative_to(folder).as_posix(), named): _content(path)
        for part in parts
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and "partial" not in path.name and path.suffix != ".lock"
    }


def steady_text(text: str, named: Mapping[str, str] | None = None) -> str:
    """A text without the hashes of runs' folders, or with what they are `named` instead."""
    return RUN.sub(lambda found: (named or {}).get(found[0], f"{found[1]}-{found[2]}"), text)


def _names(folder: Path) -> Mapping[str, str]:
    """Runs' folders, numbered in the order in which they were begun."""
    runs = sorted(
        (folder / "results/runs").glob("*/*/"), key=lambda run: (_begun_at(run), run.name)
    )
    return {run.name: f"{steady_text(run.name)}-{n}" for n, run in enumerate(runs)}


def _begun_at(run: Path) -> float:
    lock = run / "lock.json"
    return lock.stat().st_mtime if lock.is_file() else float("inf")


def litter(folder: Path, parts: Sequence[str]) -> int:
    """How many unfinished files lie there."""
    return sum(1 for part in parts for p in (folder / part).rglob("*partial*") if p.is_file())


def at_the_end(found: State, wanted: State) -> Harm:
    """What of the wanted state is missing or cut, and what is there instead."""
    lost = [p for p in wanted if p not in found or _cut(found[p], wanted[p])]
    differ = [p for p in found if p not in lost and found[p] != wanted.get(p)]
    return Harm(tuple(lost), tuple(differ))


def in_between(found: State, old: State, new: State) -> Harm:
    """What is neither as it was before a command nor as it will be after it. A journal may be on
    its way: begun, its last line cut.
    """
    lost = [path for path in old if path in new and path not in found]
    differ = [p for p in found if not _old_or_new(p, found[p], old.get(p), new.get(p))]
    return Harm(tuple(lost), tuple(differ))


def _old_or_new(
    path: str, found: tuple[str, ...], old: tuple[str, ...] | None, new: tuple[str, ...] | None
) -> bool:
    grows = "/journal/" in path or path.startswith("results/confirmed/")
    return found in (old, new) or (grows and new is not None and _begun(found, new))


def _begun(found: tuple[str, ...], new: tuple[str, ...]) -> bool:
    whole = found[:-1] if found and found[-1].startswith("cut: ") else found
    return whole == new[: len(whole)]


def _cut(found: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return len(found) < len(wanted) and found == wanted[: len(found)]


def _content(path: Path) -> tuple[str, ...]:
    if path.suffix == ".duckdb":
        return tuple(_rows(path))
    data = path.read_bytes()
    if path.suffix != ".jsonl":
        return (data.hex() if b"\0" in data else data.decode(),)
    return tuple(_line(text) for text in data.decode().splitlines(keepends=True))


def _line(text: str) -> str:
    try:
        return json.dumps(_steady(json.loads(text)), sort_keys=True)
    except ValueError:
        return f"cut: {text}"


def _steady(value: object) -> object:
    if isinstance(value, dict):
        return {k: _steady(v) for k, v in value.items() if k not in VOLATILE or _is_text(value, k)}
    return [_steady(v) for v in value] if isinstance(value, list) else value


def _is_text(line: Mapping[str, object], name: str) -> bool:
    """The hash of a prompt, which does not vary."""
    return name == "sha256" and line.get("kind") == "text"


def _rows(path: Path) -> Iterator[str]:
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "SELECT table_name FROM duckdb_tables() ORDER BY ALL"
            ).fetchall()
            for (table,) in tables:
                found = connection.execute(f"SELECT * FROM {table}")
                kept = [i for i, c in enumerate(found.description) if c[0] not in VOLATILE]
                yield from sorted(f"{table}: {[row[i] for i in kept]}" for row in found.fetchall())
    except duckdb.Error as fault:
        yield f"unreadable: {fault}"
