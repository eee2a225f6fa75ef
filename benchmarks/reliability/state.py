"""What a project holds, in a form that two runs of the same commands have in common: dates and
latencies of live answers are left out, a database is its rows.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

VOLATILE = frozenset(("seconds", "llm_seconds", "latency_s", "recorded", "date", "chain", "run"))
"""Names of what differs from one recording to the next: dates, latencies, hashes of those, and the
run that it belongs to.
"""
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
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in _files(folder, parts)
        if "partial" not in path.name and path.suffix != ".lock"
    }


def _files(folder: Path, parts: Sequence[str]) -> list[Path]:
    found = [path for part in parts for path in (folder / part, *(folder / part).rglob("*"))]
    return sorted(path for path in found if path.is_file())


def steady_text(text: str) -> str:
    """A text without the hashes of runs' folders."""
    return RUN.sub(r"\1-\2", text)


def steady(found: State) -> State:
    """A state in which a run's folder is named by its studies, not by the hash of what it replays,
    which has latencies in it.
    """
    merged: dict[str, list[tuple[str, ...]]] = {}
    for path, content in found.items():
        head, run, rest = _parted(path)
        name = f"{steady_text(run)}-{_studies(found, head + run)}" if run else ""
        merged.setdefault(head + name + rest, []).append(content)
    return {path: tuple(line for one in sorted(m) for line in one) for path, m in merged.items()}


def _parted(path: str) -> tuple[str, str, str]:
    """A path before, at and after the folder of its run."""
    found = RUN.search(path)
    return (path[: found.start()], found[0], path[found.end() :]) if found else (path, "", "")


def _studies(found: State, folder: str) -> str:
    names = sorted(p for p in found if p.startswith(folder) and "/journal/" in p)
    return hashlib.sha256("".join(p.removeprefix(folder) for p in names).encode()).hexdigest()[:8]


def litter(folder: Path, parts: Sequence[str]) -> int:
    """How many unfinished files lie there."""
    return sum("partial" in path.name for path in _files(folder, parts) if path.suffix != ".lock")


def at_the_end(found: State, wanted: State) -> Harm:
    """What of the wanted state is missing or cut, and what is there instead."""
    found, wanted = steady(found), steady(wanted)
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
    if path.name.startswith("MANIFEST"):  # while a recording is replaced, both hashes are in it
        return tuple(sorted({line.partition("  ")[2] for line in data.decode().splitlines()}))
    if path.name == "complete.json":
        return tuple(sorted(json.loads(data)["journals"]))
    if path.suffix == ".jsonl":
        *lines, cut = data.decode("utf-8", "replace").split("\n")
        return (*map(_line, lines), *([f"cut: {cut}"] if cut else []))
    return (data.decode() if b"\0" not in data else data.hex(),)


def _line(text: str) -> str:
    try:
        return json.dumps(_steady(json.loads(text)), sort_keys=True)
    except ValueError:
        return f"damaged: {text}"


def _steady(value: object) -> object:
    if isinstance(value, dict):
        return {name: _steady(inner) for name, inner in value.items() if name not in VOLATILE}
    return [_steady(inner) for inner in value] if isinstance(value, list) else value


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
