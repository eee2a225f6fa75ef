"""What stands behind the columns of the table of choices under memory limits."""

import json
from collections.abc import Mapping

from haqa_bench.report import traits
from haqa_bench.report.evidence.place import HARDWARE, MODEL, Declared, Place
from haqa_bench.report.evidence.recorded.ledger import Study
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tables import published
from haqa_bench.report.evidence.tree import Evidence, Part, Reading
from haqa_bench.report.tables.table import Column
from haqa_bench.space import key_of
from haqa_bench.store import facts
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload


def _work(place: Place) -> MemoryWorkload:
    found = traits.limits(place.cell)
    if found is None:
        raise LookupError(f"{place.key.cell} decides nothing under limits")
    return found


def _limit(place: Place) -> float:
    """The row's limit, in GB."""
    return next(gb for gb in _work(place).limits_gb if f"{gb:g}_gb" == place.key.part)


def limit(place: Place) -> Evidence:
    """As the suite has it."""
    about = "a limit of the cell"
    return Evidence(Reading(_limit(place), "GB", about, where="lock.json"))


def _safe(place: Place, bits: str) -> Part:
    """All parts of what a bit-width takes, and the margin, in bytes."""
    table = place.ledger.table(place.cell)
    entry = table.entries.get(key_of({"bit_width": bits})) if table else None
    if table is None or entry is None:
        return _told(place, bits)
    where = place.ledger.project.said(table.path)
    parts = [Reading(m.value, "B", m.name, source=m.source.value) for m in entry.measurements]
    peak = step("sum", "at its peak", parts, "B", where)
    return step("size with margin", bits, [peak], "B")


def _told(place: Place, bits: str) -> Reading:
    """As the default's trial tells it, of a cell without a table."""
    study = place.ledger.of_cell(place.key.cell)[0]
    known = facts.parse(json.loads(place.ledger.trials[study.id][0].facts)).safe_mb
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


def others(column: Column) -> Declared | None:
    """A method, or what a bit-width takes."""
    return chosen if column.method else size if column.unit == "MB" else None
