"""A place in a table, as its evidence is asked for."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.report.evidence.recorded import trials
from haqa_bench.report.evidence.recorded.ledger import Ledger, Study
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tree import Evidence, Known, Reading
from haqa_bench.report.tables.table import Column, Key, Value


class Place(NamedTuple):
    """A column of a row of a table of a run, and what is printed there."""

    ledger: Ledger
    table: str
    key: Key
    column: Column
    printed: Value

    @property
    def cell(self) -> Cell:
        """The cell that the row is of."""
        return self.ledger.run.cells[self.key.cell]

    @property
    def method(self) -> str:
        """The method that the number is of; empty where it is of no method."""
        return self.key.method or self.column.method

    @property
    def studies(self) -> Sequence[Study]:
        """The studies of the method on the cell; of all methods where it is of none."""
        if self.method:
            return self.ledger.studies.get((self.key.cell, self.method), ())
        return self.ledger.of_cell(self.key.cell)

    @property
    def ids(self) -> list[str]:
        """The ids of its studies."""
        return [study.id for study in self.studies]


Declared = Callable[[Place], Evidence]
"""What stands behind the numbers of a column."""


def of_lock(about: str, said: Callable[[Place], Known]) -> Declared:
    """Words that the suite said, and that its lock keeps."""

    def made(place: Place) -> Evidence:
        return Evidence(besides=[Reading(said(place), about=about, where="lock.json")])

    return made


def method(place: Place) -> Evidence:
    """The method, with the settings that its studies ran with."""
    told = sorted({study.settings for study in place.studies} - {"{}"})
    about = f"the method, settings {', '.join(told)}" if told else "the method"
    reading = Reading(place.key.method, about=about, where="lock.json")
    return Evidence(besides=[reading], studies=place.ids)


def studies(place: Place) -> Evidence:
    """How many studies."""
    parts = [Reading(s.id, about=f"seed {s.seed}") for s in place.studies]
    return Evidence(step("count", "studies", parts), studies=place.ids)


def source(place: Place) -> Evidence:
    """Where the numbers of the trials came from."""
    said = place.ledger.measured
    parts = [
        Reading(m.source, about=trials.named(s, zero), where=place.ledger.where(s.id, 0))
        for s, zero in ((s, place.ledger.trials[s.id][0]) for s in place.studies)
        if (m := said.get((s.id, 0), {}).get(s.metric)) is not None
    ]
    printed = [Reading(place.printed.text, about="as it is printed")]
    return Evidence(besides=parts or printed, studies=place.ids)


CELL = of_lock("the cell", lambda place: place.key.cell)
MODEL = of_lock("the model of the cell", lambda place: place.cell.model_name)
BITS = of_lock("the bit-width of the cell", lambda place: place.cell.bit_width)
WEIGHTS = of_lock("whose weights they are", lambda place: place.printed.text)
HARDWARE = of_lock("the device of the cell", lambda place: place.cell.hardware.name)
