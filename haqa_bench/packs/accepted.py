"""Takes a pack into a project: its profile and results beside what is there, and a suite that
replays them.

Nothing is ever overwritten. A machine keeps its name where it is free; a second measurement of the
same cells on it gets the day as a suffix (epyc-zen4-2core-2026-12-01), so that both stay.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench import disk, hardware, shipped, suite
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, read_yaml
from haqa_bench.errors import HaqaError
from haqa_bench.hardware import Hardware
from haqa_bench.packs import suite_file
from haqa_bench.packs.pack import Pack
from haqa_bench.project import Project
from haqa_bench.run.elsewhere import named, on
from haqa_bench.store import confirmed, journal, manifest
from haqa_bench.store.journal import read_lines
from haqa_bench.suite import Suite

_SAFE = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*")
"""Paths that lead nowhere but down, whatever a pack calls its models."""
OTHER_NAME = "Name it with --as"
MACHINES = "machines"
"""The folder of suites of accepted results."""
CONTRIBUTED = "contributed"
"""What a table's card says of where it was accepted from."""


class Accepted(NamedTuple):
    """What was written, by its path from the project, and what is to be told of it."""

    machine: str
    files: Mapping[str, bytes]
    suite: str
    """The path of the suite that replays it; empty where no table was accepted."""
    notes: Sequence[str]


def accept(pack: Pack, project: Project, name: str = "") -> Accepted:
    """Writes the results of a sound pack into a project. `name` is what the machine is called
    there, in place of the pack's own.

    Raises:
        HaqaError: the name is another machine's, or something is there already; then nothing is
        written.
    """
    found = _planned(pack, project, name)
    for path in found.files:
        if not _SAFE.fullmatch(path):
            raise HaqaError(path, "is no path of a project", "Refuse the pack")
        if (project.folder / path).exists() and path != found.suite:
            raise HaqaError(project.folder / path, "is there already", OTHER_NAME)
    for path, data in found.files.items():
        target = project.folder / path
        if manifest.place(target):
            manifest.write(target, data)
        else:
            disk.write(target, data)
    return found


def _planned(pack: Pack, project: Project, name: str) -> Accepted:
    card, told, profile = pack.card, pack.suite, pack.hardware
    if card is None or told is None or profile is None:
        raise HaqaError(pack.folder, "is damaged", "See: haqa-bench table check")
    machine = _machine(pack, project, profile, name or card.machine)
    device = profile.model_copy(update={"name": machine})
    files = (
        {}
        if _is_there(project, device)
        else {f"hardware/{machine}.yaml": hardware.to_yaml(device).encode()}
    )
    moved = {c.id: on(c, device) for n in pack.recorded if (c := pack.cell_of(n))}
    files |= dict(_tables(pack, moved)) | dict(_pairs(pack, moved))
    files |= dict(_studies(pack, f"{machine}-{card.run}"))
    kept = dict(_cassettes(pack)) if machine == profile.name else {}
    files |= kept
    tabled = [moved[c.id] for n in pack.tables if (c := pack.cell_of(n))]
    made = _suite(told, tabled, machine, bool(kept), project)
    place = f"suites/{MACHINES}/{made.name}.yaml" if tabled else ""
    if tabled:
        files[place] = suite_file.to_yaml(made).encode()
        files |= _texts(made, project)
    return Accepted(machine, files, place, _notes(pack, machine, bool(kept), place))


def _notes(pack: Pack, machine: str, kept: bool, place: str) -> list[str]:
    notes = []
    if pack.cassettes and not kept:
        notes.append(
            f"{len(pack.cassettes)} recordings of an LLM stay in the pack: a study's name is part "
            f"of each, and the machine is called {machine} here"
        )
    if not place:
        notes.append("no table was in it: its trials are kept in results/trials/ as evidence")
    return notes


def _machine(pack: Pack, project: Project, profile: Hardware, wanted: str) -> str:
    """What the machine is called in the project."""
    path = _profile(project, wanted)
    if not path.is_file():
        return wanted
    if _figures(read_yaml(path, Hardware)) != _figures(profile):
        raise HaqaError(path, "is another machine's profile of that name", OTHER_NAME)
    device = profile.model_copy(update={"name": wanted})
    cells = [on(c, device) for n in pack.tables if (c := pack.cell_of(n))]
    if not any(project.table(cell).exists() for cell in cells):
        return wanted
    return f"{wanted}-{_day(pack)}"


def _figures(profile: Hardware) -> JsonObject:
    return profile.model_dump(exclude={"name", "target"})


def _day(pack: Pack) -> str:
    """The last day on which a table of the pack was measured."""
    return max(str(day) for table in pack.tables.values() for day in table.card["measured"])


def _is_there(project: Project, device: Hardware) -> bool:
    return _profile(project, device.name).is_file()


def _profile(project: Project, name: str) -> Path:
    return shipped.found(project.folder, f"hardware/{name}.yaml")


def _tables(pack: Pack, moved: Mapping[str, Cell]) -> Iterator[tuple[str, bytes]]:
    """The tables, whose cards say where they are from; their rows are as they were."""
    import pyarrow.parquet as pq

    for name, table in pack.tables.items():
        cell = pack.cell_of(name)
        if cell is None:
            continue
        there = moved[cell.id]
        told = {
            **table.card,
            "cell": there.id,
            "hardware": there.hardware.name,
            CONTRIBUTED: _origin(pack, cell),
        }
        rows = pq.ParquetFile(io.BytesIO(pack.bytes(name))).read(use_threads=False)
        made = rows.replace_schema_metadata({"haqa_bench": json.dumps(told, sort_keys=True)})
        out = io.BytesIO()
        pq.write_table(made, out, compression="zstd", write_page_checksum=True)
        yield f"results/tables/{there.track}/{there.id}.parquet", out.getvalue()


def _origin(pack: Pack, cell: Cell) -> JsonObject:
    """Who measured, where, and what was accepted."""
    told = pack.form.model_dump(exclude={"consent_to_publish"}) if pack.form else {}
    sealed = hashlib.sha256(pack.bytes(manifest.NAME)).hexdigest()
    return {**told, "cell": cell.id, "manifest_sha256": sealed}


def _pairs(pack: Pack, moved: Mapping[str, Cell]) -> Iterator[tuple[str, bytes]]:
    for name, found in pack.confirmed.items():
        cell = pack.cell_of(name)
        if cell is not None:
            there = moved[cell.id]
            card = {**found.card.model_dump(mode="json"), "cell": there.id}
            card["format"] = confirmed.FORMAT
            lines = [{k: v for k, v in e.items() if k != "chain"} for e in _lines(pack, name)[1:]]
            path = f"results/confirmed/{there.track}/{there.id}.jsonl"
            yield path, journal.finished([card, *lines])


def _lines(pack: Pack, name: str) -> Sequence[JsonObject]:
    return read_lines(pack.folder / name)


def _studies(pack: Pack, run: str) -> Iterator[tuple[str, bytes]]:
    """Journals as they were, for whoever wants to see: nothing replays them."""
    for name in pack.studies:
        yield (
            f"results/trials/{run}/{Path(name).relative_to('journal').as_posix()}",
            pack.bytes(name),
        )


def _cassettes(pack: Pack) -> Iterator[tuple[str, bytes]]:
    yield from ((name, pack.bytes(name)) for name in pack.cassettes)


def _suite(
    told: Suite, tabled: Sequence[Cell], machine: str, recorded: bool, project: Project
) -> Suite:
    """The suite that replays what was accepted, beside the same cells of the project's own."""
    name = told.name if recorded else named(told.name, machine)
    path = project.folder / "suites" / MACHINES / f"{name}.yaml"
    ours = [cell for one in tabled for cell in _siblings(one, project)]
    if path.is_file():  # of the same machine, and perhaps changed by hand since
        before = suite.load(path, project.folder)
        cells = {cell.id: cell for cell in (*before.cells, *ours, *tabled)}
        return before.model_copy(update={"cells": tuple(cells.values())})
    methods = tuple(m for m in told.methods if recorded or not m.chat)
    cells = {cell.id: cell for cell in (*ours, *tabled)}
    return told.model_copy(
        update={"name": name, "cells": tuple(cells.values()), "methods": methods}
    )


def _siblings(cell: Cell, project: Project) -> Iterator[Cell]:
    """The same cell on machines that the project has tables of."""
    for device in hardware.profiles(project.hardware):
        there = on(cell, device)
        known = there.id != cell.id and not there.simulated and project.table(there).is_file()
        if known and _same_workload(project, there):
            yield there


def _same_workload(project: Project, cell: Cell) -> bool:
    from haqa_bench.store import tables

    try:
        tables.check(tables.read(project.table(cell)), cell)
    except HaqaError:
        return False
    return True


def _texts(made: Suite, project: Project) -> dict[str, bytes]:
    """The texts that the suite names, which are not there yet."""
    found = {}
    for name, text in suite_file.texts(made).items():
        path = f"suites/{MACHINES}/{name}"
        if not (project.folder / path).is_file():
            found[path] = text.encode()
        elif (project.folder / path).read_text("utf-8") != text:
            raise HaqaError(project.folder / path, "is another text of that name", "Rename it")
    return found
