"""What stands behind the columns of the table of choices under memory limits."""

import json
from collections.abc import Mapping

from haqa_bench.report import traits
from haqa_bench.report.evidence.place import HARDWARE, MODEL, Declared, Place, of_lock
from haqa_bench.report.evidence.recorded.ledger import Study
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tables import published
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step
from haqa_bench.report.found.plans import key_at, parts_of
from haqa_bench.report.tables.table import Column
from haqa_bench.space import key_of
from haqa_bench.store import facts
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload

TOKENS, WITHIN = "_tokens", "Fits "


def _work(place: Place) -> MemoryWorkload:
    found = traits.limits(place.cell)
    if found is None:
        raise LookupError(f"{place.key.cell} decides nothing under limits")
    return found


def _limit(place: Place) -> float:
    """The limit of the row, or of the column, in GB."""
    if place.column.name.startswith(WITHIN):
        return float(place.column.name.split()[1])
    return next(gb for gb in _work(place).limits_gb if f"{gb:g}_gb" == place.key.part)


def limit(place: Place) -> Evidence:
    """As the suite has it."""
    about = "a limit of the cell"
    return Evidence(Reading(_limit(place), "GB", about, where="lock.json"))


def _safe(place: Place, bits: str) -> Part:
    """All parts of what a bit-width takes, and the margin, in bytes."""
    table = place.ledger.table(place.cell)
    entry = table.entries.get(key_at(bits, _other_context(place))) if table else None
    if table is None or entry is None:
        return _told(place, bits)
    where = place.ledger.project.said(table.path)
    parts = [Reading(m.value, "B", m.name, source=m.source.value) for m in parts_of(entry)]
    peak = step("sum", "at its peak", parts, "B", where)
    return step("size with margin", bits, [peak], "B")


def _other_context(place: Place) -> int | None:
    """The length of the context that a row is of, where it is not the cell's own."""
    if not place.key.part.endswith(TOKENS):
        return None
    n_ctx = int(place.key.part.removesuffix(TOKENS))
    return n_ctx if n_ctx != _work(place).n_ctx else None


def _told(place: Place, bits: str) -> Reading:
    """As the default's trial tells it, of a cell without a table."""
    study = place.ledger.of_cell(place.key.cell)[0]
    told = facts.parse(json.loads(place.ledger.trials[study.id][0].facts))
    n_ctx = _other_context(place)
    known = told.safe_mb_at[n_ctx] if n_ctx else told.safe_mb
    return Reading(1e6 * known[bits], "B", bits, place.ledger.where(study.id, 0))


def size(place: Place) -> Evidence:
    """The sum of all parts, with the margin."""
    bits = place.column.name.removesuffix(", MB")
    return Evidence(step("size in MB", "", [_safe(place, bits)], "MB"))


def fits(place: Place) -> Evidence:
    """Every bit-width, the most precise first, and whether it fits."""
    return Evidence(besides=[step("first that fits", f"within {_limit(place):g} GB", _held(place))])


def _held(place: Place) -> list[Part]:
    limit = round(_limit(place) * 1e9)
    every = [(bits, _safe(place, bits).value) for bits in _work(place).bit_widths]
    return [
        Reading(
            value,
            "B",
            bits,
            used=isinstance(value, int | float) and value <= limit,
            reason="larger than the limit",
        )
        for bits, value in every
    ]


def chosen(place: Place) -> Evidence:
    """What each study answered, and what is wrong with it."""
    parts = [_answer(place, study) for study in place.studies]
    return Evidence(besides=[step("answers", "over studies", parts)], studies=place.ids)


def _answer(place: Place, study: Study) -> Reading:
    """A study's last proposal: + too large, - too careful."""
    last = place.ledger.trials[study.id][-1]
    choices = json.loads(last.configuration)
    about = f"{study.method} seed {study.seed}, trial {last.number}"
    where = place.ledger.where(study.id, last.number)
    if not choices:
        return Reading(last.status.replace("_", " "), "", about, where)
    work = _work(place)
    choice, ranks = choices[work.within(_limit(place))], [*work.bit_widths, NOTHING]
    truth = step("first that fits", "", _held(place)).value or NOTHING
    off = ranks.index(choice) - ranks.index(str(truth))
    return Reading(choice + ("+" if off < 0 else "-" if off > 0 else ""), "", about, where)


def source(place: Place) -> Evidence:
    """Nothing is measured: where the sizes lie."""
    about = place.ledger.project.said(place.ledger.project.table(place.cell))
    return Evidence(besides=[Reading(place.printed.text, about=f"sizes: {about}")])


COLUMNS: Mapping[str, Declared] = {
    "model": MODEL,
    "hardware": HARDWARE,
    "limit": limit,
    "fits": fits,
    "source": source,
    "published": published.of_haqa(limited=True),
}


def context(place: Place) -> Evidence:
    """As the suite has it."""
    n_ctx = int(place.key.part.removesuffix(TOKENS))
    return Evidence(Reading(n_ctx, "tokens", "a length of the cell's context", where="lock.json"))


def _peak(place: Place) -> tuple[Step, Step | None]:
    """What was predicted of a process with a format, and the middle of what was measured, in MB."""
    table = place.ledger.table(place.cell)
    if table is None:
        raise LookupError(f"{place.key.cell} has no table")
    entry, where = table.entries[key_of({"format": place.key.part})], ""
    parts = [Reading(m.value, "B", m.name, source="simulated") for m in parts_of(entry)]
    whole = step("size in MB", "", [step("sum", "at its peak", parts, "B", where)], "MB")
    taken = [m for m in entry.measurements if m.name == facts.MEASURED_PEAK]
    if not taken:
        return whole, None
    samples = [
        step("size in MB", "", [Reading(size, "B", "a process", source="measured")], "MB")
        for size in taken[0].samples
    ]
    return whole, step("median", "peaks of processes", samples, "MB")


def predicted(place: Place) -> Evidence:
    """The sum of its parts."""
    return Evidence(_peak(place)[0])


def measured(place: Place) -> Evidence:
    """The middle of the processes' peaks."""
    return Evidence(_peak(place)[1])


def processes(place: Place) -> Evidence:
    """How many were measured."""
    found = _peak(place)[1]
    return Evidence(step("count", "processes", found.parts) if found else None)


def off(place: Place) -> Evidence:
    """The measured peak less the predicted one."""
    whole, taken = _peak(place)
    both = [taken or whole, whole]
    return Evidence(step("change in percent", "", both, "%"))


CONTEXTS: Mapping[str, Declared] = {"model": MODEL, "hardware": HARDWARE, "context": context}


def of_contexts(column: Column) -> Declared | None:
    """What a bit-width takes, or what fits."""
    return size if column.unit == "MB" else fits


PEAKS: Mapping[str, Declared] = {
    "model": MODEL,
    "hardware": HARDWARE,
    "format": of_lock("the format that the process ran with", lambda place: place.key.part),
    "predicted-mb": predicted,
    "measured-mb": measured,
    "n": processes,
    "off-by": off,
    "not-measured-since": source,
    "source": source,
}


def others(column: Column) -> Declared | None:
    """A method, or what a bit-width takes."""
    return chosen if column.method else size if column.unit == "MB" else None
