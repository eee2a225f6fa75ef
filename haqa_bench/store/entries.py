"""What a response table holds, kept as columns: a configuration's entry is made when it is asked
for, and a metric of all of them is computed at once.

A million configurations take a few hundred megabytes so, where as Python's values they would take
several gigabytes. What is computed over columns is, to the last bit, what their entries hold.
"""

import json
from collections import defaultdict
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from statistics import median
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from haqa_bench.arithmetic.estimate import QUIET, RATES, SPEEDS, estimate
from haqa_bench.documents import JsonObject
from haqa_bench.store.groups import Groups, medians, quartiles
from haqa_bench.trial import TAKEN, Measurement, Source, Status

OTHERS = ("others_share", "1")
AT_ONCE = 20_000
"""How many configurations are held as Python's values at a time."""
REMEMBERED = 2**16
"""How many entries that were asked for are kept."""
LARGE = 1e300
"""Beyond this a sum of samples may be no number any more."""
Floats = NDArray[np.float64]
Places = NDArray[np.intp]


class Entry(NamedTuple):
    """All that a table knows of one configuration. `measurements` hold the samples of every pass;
    `seconds` is a process' median.
    """

    status: Status
    reason: str
    measurements: tuple[Measurement, ...]
    facts: Mapping[str, str]
    seconds: float | None


class Readings(NamedTuple):
    """All readings of a table, one after the other: of which row, by what name and unit, and where
    its samples begin and end.
    """

    row: Places
    name: Places
    unit: Places
    names: Sequence[str]
    units: Sequence[str]
    starts: Places
    samples: Floats

    @property
    def counts(self) -> Places:
        """How many samples each has."""
        return np.diff(self.starts)


class Entries(Mapping[str, Entry]):
    """The entries of a table by configuration key, in the order in which they first come."""

    def __init__(self, table: pa.Table, source: Source) -> None:
        """Raises ValueError or TypeError where a row is none."""
        self.source = source
        rows = {name: table.column(name) for name in table.column_names}
        if any(column.null_count for column in rows.values()):
            raise ValueError("a value is missing")
        self.column, self._entry = grouped(rows["configuration"])
        self._readings = _readings(rows["readings"])
        self._status, self._reason, self._facts = (
            _encoded(rows[name]) for name in ("status", "reason", "facts")
        )
        statuses = self._status.dictionary.to_pylist()
        measured = np.array([s == Status.OK for s in statuses], bool)[_codes(self._status)]
        passes = np.bincount(self._entry, minlength=len(self))
        good = np.bincount(self._entry[measured], minlength=len(self))
        self._rows = np.argsort(self._entry, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(passes)])
        self.measured: NDArray[np.bool_] = 2 * good > passes
        """Which entries were measured; the others failed."""
        counts = measured == self.measured[self._entry]
        self._told = np.zeros(len(self), np.intp)  # the first row that says what came of it
        self._told[self._entry[counts][::-1]] = np.flatnonzero(counts)[::-1]
        self._counted = counts & measured
        self._made: dict[int, Entry] = {}
        self._check(statuses)

    def _check(self, statuses: Sequence[str]) -> None:
        """Raises ValueError where an entry could not be made."""
        for code in np.unique(_codes(self._status)[self._told[~self.measured]]):
            Status(statuses[code])
        for facts in self._distinct_facts():
            json.loads(facts)
        samples, told = self._readings.samples, self._counted[self._readings.row]
        if not np.isfinite(samples).all():
            raise ValueError("a sample is not finite")
        if (np.abs(samples) > LARGE).any() or (told & (self._readings.counts == 0)).any():
            for _ in self.values():
                pass

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_made": {}}

    def __len__(self) -> int:
        return len(self.column)

    def __iter__(self) -> Iterator[str]:
        for at in range(0, len(self), AT_ONCE):
            yield from self.column[at : at + AT_ONCE].to_pylist()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.place(key) is not None

    def __getitem__(self, key: str) -> Entry:
        place = self.place(key)
        if place is None:
            raise KeyError(key)
        return self.at(place)

    def values(self) -> ValuesView[Entry]:
        """Every entry, made as it comes, and not kept."""
        return _Values(self)

    def items(self) -> ItemsView[str, Entry]:
        """As `values`, with their keys."""
        return _Items(self)

    def key(self, place: int) -> str:
        """The key of an entry."""
        return str(self.column[place].as_py())

    def place(self, key: str) -> int | None:
        """Which entry a key has, from 0."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < key:
                low = middle + 1
            else:
                high = middle
        found = low < len(self) and self._key(low) == key
        return int(self._order[low]) if found else None

    def places(self, keys: pa.Array) -> Places:
        """Which entry each key has; -1 where there is none."""
        if keys.equals(self.column):
            return np.arange(len(self))
        found = pc.fill_null(pc.index_in(keys, value_set=self.column), -1)
        return np.asarray(found.to_numpy(zero_copy_only=False), np.intp)

    def at(self, place: int) -> Entry:
        """The entry of a place."""
        if place not in self._made:
            if len(self._made) >= REMEMBERED:
                self._made.clear()
            self._made[place] = self.made(place)
        return self._made[place]

    def made(self, place: int) -> Entry:
        """The entry of a place, made anew."""
        rows = self._rows[self._starts[place] : self._starts[place + 1]]
        return _entry([self._row(row) for row in rows.tolist()], self.source)

    def facts(self) -> list[Mapping[str, str]]:
        """The facts of all entries, each once."""
        return [json.loads(facts) for facts in self._distinct_facts()]

    def metric(self, name: str) -> Floats:
        """The value of a metric of each entry; NaN where it has none."""
        known = self._of(name, self._counted) if name != TAKEN else {}
        if len(known) > 1:
            return np.array([_value(entry, name) for entry in self.values()])
        found = np.full(len(self), np.nan)
        for unit, groups in known.items():
            found[groups.owners] = self._estimated(unit, groups)
        return found

    def used(self, name: str) -> Places:
        """How many samples the value of a metric was estimated from; 0 where there is none."""
        known, found = self._of(name, self._counted), np.zeros(len(self), np.intp)
        if len(known) > 1:
            return np.array([_used(entry, name) for entry in self.values()])
        for unit, groups in known.items():
            found[groups.owners] = self._undisturbed(unit, groups).counts
        return found

    @property
    def unknown(self) -> int:
        """How many entries have no measurement."""
        told = self._counted[self._readings.row]
        if TAKEN in self._readings.names:
            told &= self._readings.name != self._readings.names.index(TAKEN)
        return len(self) - len(np.unique(self._entry[self._readings.row[told]]))

    def seconds(self) -> Floats:
        """What each entry's process took, in seconds; NaN where it is not known."""
        found = np.full(len(self), np.nan)
        for groups in self._of(TAKEN, np.ones(len(self._entry), bool), alike=True).values():
            found[groups.owners] = medians(groups)
        return found

    def _estimated(self, unit: str, groups: Groups) -> Floats:
        """See arithmetic.estimate."""
        kept = self._undisturbed(unit, groups)
        return quartiles(kept, 3 if unit in RATES else 1) if unit in SPEEDS else medians(kept)

    def _undisturbed(self, unit: str, groups: Groups) -> Groups:
        """The samples that count."""
        if unit not in SPEEDS:
            return groups
        others = self._of(OTHERS[0], self._counted).get(OTHERS[1])
        return groups if others is None else groups.within(others, QUIET)

    def _of(self, name: str, rows: NDArray[np.bool_], alike: bool = False) -> Mapping[str, Groups]:
        """The samples of a reading of some rows, by its unit, or by none where those are `alike`;
        grouped by entry.
        """
        known = self._readings
        code = known.names.index(name) if name in known.names else -1
        chosen = np.flatnonzero((known.name == code) & rows[known.row])
        units = np.zeros(len(chosen), np.intp) if alike else known.unit[chosen]
        return {
            known.units[unit]: Groups.of(
                self._entry[known.row[of_unit]],
                known.starts[of_unit],
                known.counts[of_unit],
                known.samples,
            )
            for unit in np.unique(units)
            if len(of_unit := chosen[units == unit])
        }

    def _row(self, row: int) -> JsonObject:
        """A row as it was written."""
        first, last = np.searchsorted(self._readings.row, [row, row + 1])
        return {
            "status": self._status[row].as_py(),
            "reason": self._reason[row].as_py(),
            "readings": [self._reading(number) for number in range(first, last)],
            "facts": self._facts[row].as_py(),
        }

    def _reading(self, number: int) -> JsonObject:
        known = self._readings
        samples = known.samples[known.starts[number] : known.starts[number + 1]]
        return {
            "name": known.names[known.name[number]],
            "unit": known.units[known.unit[number]],
            "samples": samples.tolist(),
        }

    def _distinct_facts(self) -> list[str]:
        codes = np.unique(_codes(self._facts)[self._told])
        return list(self._facts.dictionary.take(pa.array(codes)).to_pylist())

    def _key(self, sorted_place: int) -> str:
        return self.key(int(self._order[sorted_place]))

    @cached_property
    def _order(self) -> Places:
        """The entries in the order of their keys."""
        if _ascends(self.column):
            return np.arange(len(self))
        return np.asarray(pc.array_sort_indices(self.column).to_numpy(), np.intp)


class _Values(ValuesView[Entry]):
    _mapping: Entries

    def __init__(self, entries: Entries) -> None:
        super().__init__(entries)

    def __iter__(self) -> Iterator[Entry]:
        return map(self._mapping.made, range(len(self._mapping)))


class _Items(ItemsView[str, Entry]):
    _mapping: Entries

    def __init__(self, entries: Entries) -> None:
        super().__init__(entries)

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return zip(self._mapping, self._mapping.values(), strict=True)


def grouped(column: pa.ChunkedArray) -> tuple[pa.Array, Places]:
    """The keys of a table, each once, and which of them each row has."""
    keys = column.combine_chunks()
    if _ascends(keys):
        return keys, np.arange(len(keys))
    if keys.null_count:
        raise ValueError("a configuration is missing")
    encoded = keys.dictionary_encode()
    return encoded.dictionary, _codes(encoded)


def _ascends(keys: pa.Array) -> bool:
    """Whether keys are in order, and none is given twice."""
    return pc.all(pc.less(keys[:-1], keys[1:]), min_count=0).as_py() is not False


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    found = column.combine_chunks()
    return found if pa.types.is_dictionary(found.type) else found.dictionary_encode()


def _codes(encoded: pa.DictionaryArray) -> Places:
    return np.asarray(encoded.indices.to_numpy(), np.intp)


def _readings(column: pa.ChunkedArray) -> Readings:
    """Raises ValueError where one is none."""
    lists = column.combine_chunks()
    found = lists.flatten()
    if found.null_count:
        raise ValueError("a reading is missing")
    fields = dict(zip(("name", "unit", "samples"), found.flatten(), strict=True))
    values = fields["samples"].flatten()
    if any(one.null_count for one in (*fields.values(), values)):
        raise ValueError("a value of a reading is missing")
    names, units = fields["name"].dictionary_encode(), fields["unit"].dictionary_encode()
    counts = pc.list_value_length(lists).to_numpy().astype(np.intp)
    starts = np.zeros(len(found) + 1, np.intp)
    np.cumsum(pc.list_value_length(fields["samples"]).to_numpy(), out=starts[1:])
    return Readings(
        np.repeat(np.arange(len(lists)), counts),
        _codes(names),
        _codes(units),
        names.dictionary.to_pylist(),
        units.dictionary.to_pylist(),
        starts,
        values.to_numpy(),
    )


def _value(entry: Entry, name: str) -> float:
    return next((m.value for m in entry.measurements if m.name == name), np.nan)


def _used(entry: Entry, name: str) -> int:
    return next((m.used for m in entry.measurements if m.name == name), 0)


def _entry(rows: Sequence[JsonObject], source: Source) -> Entry:
    """What most passes say; among equals, the worse."""
    measured = [r for r in rows if r["status"] == Status.OK]
    taken = [
        s
        for r in rows
        for reading in r["readings"]
        if reading["name"] == TAKEN
        for s in reading["samples"]
    ]
    seconds = median(taken) if taken else None
    if 2 * len(measured) <= len(rows):
        failed = next(r for r in rows if r["status"] != Status.OK)
        return Entry(
            Status(failed["status"]), failed["reason"], (), json.loads(failed["facts"]), seconds
        )
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    for reading in (
        reading for row in measured for reading in row["readings"] if reading["name"] != TAKEN
    ):
        samples[reading["name"], reading["unit"]] += reading["samples"]
    others = samples.get(OTHERS, [])
    estimates = {name: estimate(values, unit, others) for (name, unit), values in samples.items()}
    measurements = tuple(
        Measurement(
            name=name, unit=unit, source=source, samples=tuple(values), **estimates[name]._asdict()
        )
        for (name, unit), values in samples.items()
    )
    return Entry(Status.OK, "", measurements, json.loads(measured[0]["facts"]), seconds)
