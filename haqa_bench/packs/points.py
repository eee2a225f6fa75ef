"""What a pack measured, point by point: a configuration of a table, or a trial of a study."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.packs.pack import Pack
from haqa_bench.space import Configuration, key_of
from haqa_bench.trial import Measurement, Source, Status


class Point(NamedTuple):
    """A configuration that was measured, or could not be."""

    where: str
    file: str
    cell: Cell
    key: str
    status: Status
    measurements: Sequence[Measurement]
    facts: Mapping[str, str]

    @property
    def configuration(self) -> Configuration:
        """The configuration; empty where its key is no JSON."""
        with suppress(ValueError):
            found = json.loads(self.key)
            return found if isinstance(found, dict) else {}
        return {}

    def found(self, name: str) -> Measurement | None:
        """A metric of it."""
        return next((m for m in self.measurements if m.name == name), None)

    @property
    def others(self) -> tuple[float, ...]:
        """The share of the machine that others took, sample by sample, where it is known."""
        known = self.found("others_share")
        return known.samples if known else ()


def points(pack: Pack) -> Iterator[Point]:
    """All that a pack measured, of cells that it has."""
    yield from _of_tables(pack)
    yield from _of_studies(pack)


def _of_tables(pack: Pack) -> Iterator[Point]:
    for name, table in pack.tables.items():
        cell = pack.cell_of(name)
        for key, entry in table.entries.items() if cell else ():
            where = f"{name}: {key}"
            if cell:
                yield Point(where, name, cell, key, entry.status, entry.measurements, entry.facts)


def _of_studies(pack: Pack) -> Iterator[Point]:
    """Every trial that was measured, once."""
    for name, study in pack.studies.items():
        cell = pack.cell_of(name)
        for trial in study.trials if cell else ():
            if cell and trial.configuration is not None and trial.repeat_of is None:
                where, key = f"{name}: trial {trial.number}", key_of(trial.configuration)
                yield Point(where, name, cell, key, trial.status, trial.measurements, trial.facts)


def by_file(found: Iterator[Point]) -> Mapping[str, Sequence[Point]]:
    """Points by the file that they stand in."""
    files: dict[str, list[Point]] = {}
    for point in found:
        files.setdefault(point.file, []).append(point)
    return files


MEASURED = {Source.MEASURED, Source.REPLAYED}
"""What tables (read: replayed) and live trials say of their numbers."""
