"""What is recorded of a cell of the memory track: a table with a row for each bit-width, one for
each at every further length of the context, and one for each format whose peak was measured.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from haqa_bench import __version__
from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import gguf_models
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.space import key_of
from haqa_bench.store import facts, tables
from haqa_bench.store.entries import Entry
from haqa_bench.tracks.memory import peaks, plans
from haqa_bench.tracks.memory.peaks import Peak
from haqa_bench.tracks.memory.plans import Size
from haqa_bench.tracks.memory.workload import FormatName, MemoryWorkload
from haqa_bench.trial import Status

PEAK = facts.MEASURED_PEAK
ON_HOST = facts.ON_HOST
PLANNED_BY = facts.PLANNED_BY
TODO = "Make it with: haqa-bench tabulate SUITE"


class Recorded(NamedTuple):
    """What each bit-width takes, at the cell's context and at `others`; and the peaks that were
    measured, by format.
    """

    sizes: Mapping[str, Size]
    others: Mapping[int, Mapping[str, Size]]
    peaks: Mapping[FormatName, Peak]

    @property
    def told(self) -> dict[str, str]:
        """All of it as a trial's facts say it."""
        found = facts.of_sizes(self.sizes)
        for n_ctx, sizes in self.others.items():
            found |= facts.of_sizes(sizes, n_ctx)
        for name, peak in self.peaks.items():
            found |= facts.of_peak(name, peak.predicted, peak.measured, peak.reason)
            found |= {facts.PEAKS_OF: peak.where}
            found |= {facts.WEIGHTS: how} if (how := peak.told.get(facts.WEIGHTS)) else {}
        return found | _planner(self)


def planned(cell: Cell[MemoryWorkload]) -> Recorded:
    """As llama.cpp plans it on this machine now; no peaks.

    Raises:
        HaqaError: llama.cpp is not here, or refuses the model.
    """
    work = cell.workload
    others = {n_ctx: plans.simulate(cell, n_ctx) for n_ctx in work.contexts}
    return Recorded(plans.simulate(cell, work.n_ctx), others, {})


def record(cell: Cell[MemoryWorkload], target: Path) -> None:
    """Writes the table that replays read. Peaks that it holds already are kept, if they are of this
    machine's llama.cpp, and those that it lacks are measured, one format after the other: stopped,
    it goes on there.

    Raises:
        HaqaError: llama.cpp is not here, or refuses the model; or it cannot be measured.
    """
    done = planned(cell)._replace(peaks=_kept(cell, target))
    _write(cell, target, done)
    for name in _to_measure(cell):
        if name not in done.peaks:
            try:
                taken = peaks.measure(cell, name)
            except EvaluationFailed as failure:
                raise HaqaError(f"{cell.id}: {name}", failure.reason) from None
            done = done._replace(peaks={**done.peaks, name: taken})
            _write(cell, target, done)


def read(cell: Cell[MemoryWorkload], path: Path) -> Recorded:
    """What `record` wrote.

    Raises:
        HaqaError: it is missing, or of another model or workload.
    """
    table, wanted = tables.read(path), _card(cell)
    if any(table.card.get(name) != value for name, value in wanted.items()):
        what = f"was made for another cell, model or workload than {cell.id}'s now"
        raise HaqaError(path, what, TODO)
    by = str(table.card.get(PLANNED_BY, ""))

    def sizes(n_ctx: int | None) -> dict[str, Size]:
        found = {bits: table.entries[_key(bits, n_ctx)] for bits in cell.workload.bit_widths}
        return {bits: _size(cell, entry, by) for bits, entry in found.items()}

    try:
        return Recorded(
            sizes(None),
            {n_ctx: sizes(n_ctx) for n_ctx in cell.workload.contexts},
            {
                name: _peak(table.entries[key])
                for name in cell.workload.peaks
                if (key := _peak_key(name)) in table.entries
            },
        )
    except (KeyError, TypeError) as missing:
        raise HaqaError(path, f"lacks {missing}", TODO) from None


def _kept(cell: Cell[MemoryWorkload], target: Path) -> Mapping[FormatName, Peak]:
    """The peaks of an earlier table of the same cell and build."""
    if not target.is_file() or not cell.workload.peaks:
        return {}
    try:
        found = read(cell, target).peaks
    except HaqaError:
        return {}
    build = version("llama-cpp-python")
    return {name: peak for name, peak in found.items() if peak.told.get(facts.BUILD) == build}


def _to_measure(cell: Cell[MemoryWorkload]) -> Sequence[FormatName]:
    return cell.workload.peaks if cell.hardware.kind == "cpu" else ()


def _card(cell: Cell[MemoryWorkload]) -> dict[str, object]:
    """What sizes depend on."""
    model, workload = (part.model_dump(mode="json") for part in (cell.model, cell.workload))
    return {"cell": cell.id, "model": model, "workload": workload, "hardware": cell.hardware.name}


def _write(cell: Cell[MemoryWorkload], target: Path, done: Recorded) -> None:
    gguf_models.require_llama_cpp()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    card = {
        **_card(cell),
        "source": "simulated",
        "measured": [today, today],
        facts.BUILD: version("llama-cpp-python"),
        **_planner(done),
        "haqa_bench": __version__,
    }
    tables.write(target, card, list(_rows(done)))


def _planner(done: Recorded) -> dict[str, str]:
    by = {size.planned_by for size in done.sizes.values() if isinstance(size, DevicePlan)}
    return {PLANNED_BY: "; ".join(sorted(by))} if by else {}


def _rows(done: Recorded) -> Iterator[JsonObject]:
    for n_ctx, sizes in [(None, done.sizes), *done.others.items()]:
        for bits, size in sizes.items():
            yield _row(_key(bits, n_ctx), readings=[*_readings(size)])
    for name, peak in done.peaks.items():
        readings = [*_readings(peak.predicted)]
        if peak.measured:
            readings.append(_reading(PEAK, *peak.measured))
        yield _row(_peak_key(name), readings, {**peak.told, facts.NOT_LOADED: peak.reason})


def _row(
    key: str, readings: Sequence[JsonObject], told: Mapping[str, str] | None = None
) -> JsonObject:
    return {
        "configuration": key,
        "pass": 0,
        "status": Status.OK.value,
        "reason": "",
        "facts": dict(told or {}),
        "readings": readings,
    }


def _key(bits: str, n_ctx: int | None) -> str:
    return key_of({"bit_width": bits} if n_ctx is None else {"bit_width": bits, "n_ctx": n_ctx})


def _peak_key(name: str) -> str:
    return key_of({"format": name})


def _readings(size: Size) -> Iterator[JsonObject]:
    """Of a device, what lies on it, and under other names what stays on the host."""
    if isinstance(size, Prediction):
        yield from (_reading(name, value) for name, value in size._asdict().items())
        return
    (device,) = size.devices
    for prefix, share in (("", device), (ON_HOST, size.host)):
        for name in Share._fields[1:]:
            unit = "1" if name == "layers" else "B"
            yield _reading(prefix + name, getattr(share, name), unit=unit)


def _reading(name: str, *values: int, unit: str = "B") -> JsonObject:
    return {"name": name, "unit": unit, "samples": [float(value) for value in values]}


def _size(cell: Cell[MemoryWorkload], entry: Entry, planned_by: str) -> Size:
    found = {m.name: int(m.value) for m in entry.measurements}
    if not plans.is_of_device(cell):
        return Prediction(**found)

    def share(place: str, prefix: str) -> Share:
        return Share(place, *(found[prefix + name] for name in Share._fields[1:]))

    return DevicePlan((share(cell.hardware.name, ""),), share("host", ON_HOST), planned_by)


def _peak(entry: Entry) -> Peak:
    found = {m.name: m for m in entry.measurements}
    taken = found.pop(PEAK, None)
    told = dict(entry.facts)
    return Peak(
        predicted=Prediction(**{name: int(m.value) for name, m in found.items()}),
        measured=tuple(int(x) for x in taken.samples) if taken else (),
        reason=told.pop(facts.NOT_LOADED, ""),
        told=told,
    )
