"""A cell's response table as data frames."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from haqa_bench import tracks
from haqa_bench.api import columns
from haqa_bench.cell import Cell
from haqa_bench.space import Configuration, key_of
from haqa_bench.store import tables
from haqa_bench.store.recorded import needs_table
from haqa_bench.store.tables import Entry, ResponseTable
from haqa_bench.trial import Measurement

if TYPE_CHECKING:
    import pandas as pd

    from haqa_bench.tracks.replayed import TableEvaluator

OURS = ("configuration", "status", "reason", "feasible", "rank", "n", "seconds", "source")
OF_SAMPLES = ("configuration", "metric", "unit", "sample", "value", "source")


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """What was measured of each configuration of a cell, once.

    `recorded` is all of it: its card says when, where and with which build; `recorded.path` is its
    file. len() counts its configurations.
    """

    cell: Cell
    recorded: ResponseTable

    def to_frame(self, samples: bool = False) -> "pd.DataFrame":
        """One row a configuration, in the order of the file; with `samples`, one row a raw reading.

        Columns are the parameters, then `configuration` (what every frame calls it), `status` (ok,
        or why it could not be measured), `reason`, `feasible` (measured, and within the
        constraints), `rank` (1 is the best of the feasible ones), the metrics, each the estimate
        that tables print (the better quartile of speeds, the median of anything else) and NaN
        where it failed, `n` (readings behind the objective), `seconds` (what a process took) and
        `source`. `attrs["units"]` has the unit of each metric, `attrs["card"]` what was measured.

        With `samples`: the parameters, `configuration`, `metric`, `unit`, `sample` (from 0, in the
        order taken), `value` and `source`.
        """
        return self._of_samples() if samples else self._of_configurations()

    @property
    def default(self) -> float | None:
        """The default's value of the objective, in its unit; None where it failed."""
        return self._value(self.cell.space.default)

    @cached_property
    def optimum(self) -> float | None:
        """The best value of the objective, in its unit, within the constraints; None where nothing
        is.
        """
        return self._ranked.whole.optimum if self._ranked and self._ranked.whole else None

    def __len__(self) -> int:
        return len(self.recorded.entries)

    def __repr__(self) -> str:
        return f"<Table {self.cell.id}: {len(self)} configurations, {self.recorded.path.name}>"

    @cached_property
    def _rows(self) -> list[tuple[Configuration, Entry]]:
        return [(json.loads(key), entry) for key, entry in self.recorded.entries.items()]

    @cached_property
    def _ranked(self) -> "TableEvaluator | None":
        """What ranks it; None where it holds decisions' costs and no space."""
        from haqa_bench.tracks.replayed import TableEvaluator

        swept = tracks.of(self.cell).swept
        return TableEvaluator(self.recorded, self.cell) if swept else None

    def _value(self, configuration: Configuration) -> float | None:
        entry = self.recorded.entries.get(key_of(configuration))
        found = self._objective(entry) if entry else None
        return found.value if found else None

    def _objective(self, entry: Entry) -> Measurement | None:
        metric = self.cell.objective.metric
        return next((m for m in entry.measurements if m.name == metric), None)

    def _parameters(self, found: list[Configuration], taken: tuple[str, ...]) -> "Columns":
        names = dict.fromkeys(name for configuration in found for name in configuration)
        order = [name for name in self.cell.space.root if name in names] or list(names)
        return columns.of_parameters(found, order, taken)

    def _of_configurations(self) -> "pd.DataFrame":
        import pandas as pd

        found = [configuration for configuration, _ in self._rows]
        entries = [entry for _, entry in self._rows]
        measured = [entry.measurements for entry in entries]
        goals = [self._objective(entry) for entry in entries]
        ranks = self._ranks()
        data = {
            **self._parameters(found, OURS),
            "configuration": list(self.recorded.entries),
            "status": [entry.status.value for entry in entries],
            "reason": [entry.reason for entry in entries],
            "feasible": [rank is not None for rank in ranks],
            "rank": columns.counts(ranks),
            **columns.of_metrics(measured, OURS),
            "n": columns.counts([goal.used if goal else None for goal in goals]),
            "seconds": columns.numbers([entry.seconds for entry in entries]),
            "source": [goal.source.value if goal else None for goal in goals],
        }
        frame = pd.DataFrame(data)
        frame.attrs |= {"units": dict(columns.units(measured, OURS)), "card": self._card}
        return frame

    def _ranks(self) -> list[int | None]:
        """Of each configuration, in the order of the file; None for one that does not count."""
        if self._ranked is None:
            return [None] * len(self)
        return [int(rank) or None for rank in self._ranked.ranks]

    @property
    def _card(self) -> dict[str, object]:
        return dict(self.recorded.card)

    def _of_samples(self) -> "pd.DataFrame":
        import pandas as pd

        rows = list(self._readings())
        found = [configuration for configuration, _, _ in rows]
        data = {
            **self._parameters(found, OF_SAMPLES),
            "configuration": [key_of(configuration) for configuration in found],
            "metric": [m.name for _, m, _ in rows],
            "unit": [m.unit for _, m, _ in rows],
            "sample": columns.counts([number for _, _, number in rows]),
            "value": columns.numbers([m.samples[number] for _, m, number in rows]),
            "source": [m.source.value for _, m, _ in rows],
        }
        frame = pd.DataFrame(data)
        frame.attrs["card"] = self._card
        return frame

    def _readings(self) -> Iterator[tuple[Configuration, Measurement, int]]:
        for configuration, entry in self._rows:
            for measured in entry.measurements:
                for number in range(len(measured.samples)):
                    yield configuration, measured, number


Columns = Mapping[str, object]


def read(cell: Cell, path: Path) -> Table:
    """The response table of a cell.

    Raises:
        HaqaError: it is damaged, or another cell's; or there can be none.
    """
    needs_table([cell])
    table = tables.read(path)
    if tracks.of(cell).swept:
        tables.check(table, cell)
    return Table(cell, table)
