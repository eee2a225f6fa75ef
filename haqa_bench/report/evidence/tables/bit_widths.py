"""What stands behind the columns of the tables of bit-widths as decisions."""

import json
from collections.abc import Mapping

from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.report.evidence.place import (
    HARDWARE,
    MODEL,
    Declared,
    Place,
    method,
    source,
    studies,
)
from haqa_bench.report.evidence.recorded import trials, whole
from haqa_bench.report.evidence.recorded.ledger import Study, Tried
from haqa_bench.report.evidence.rules import step
from haqa_bench.report.evidence.tables import published
from haqa_bench.report.evidence.tree import Evidence, Part, Reading, Step
from haqa_bench.report.found.weights import by_format, label_of_format
from haqa_bench.report.tables.bit_widths_notes import NONE
from haqa_bench.store import facts

BOTH = ("INT8", "INT4")


def _formats(place: Place) -> dict[str, Part]:
    """The best feasible configuration of each format in the response table, with its samples."""
    best: dict[str, tuple[float, str]] = {}
    for name, found in whole.held(place.ledger, place.cell).items():
        kind = json.loads(name).get("format", "")
        if found.score is not None and (kind not in best or found.score > best[kind][0]):
            best[kind] = (found.score, name)
    made = {}
    for kind in sorted(best):
        entry = whole.of_entry(place.ledger, place.cell, best[kind][1])
        made[kind] = entry._replace(about=kind, where=f"{entry.where}, {best[kind][1]}")
    return made


def _of(place: Place, bits: str) -> Step:
    """The fastest of a bit-width's formats."""
    parts = [part for name, part in _formats(place).items() if bit_width_of(name) == bits]
    return step("largest", f"the fastest {bits} configuration", parts, place.cell.objective.unit)


def _fastest(place: Place, bits: str) -> tuple[str, Part] | None:
    """The name and the samples of the fastest format of a bit-width."""
    found = step("name of the largest", "", _of(place, bits).parts)
    return None if found.value is None else (str(found.value), _formats(place)[str(found.value)])


def speed(place: Place) -> Evidence:
    """The best of each format of the bit-width that the column is of."""
    return Evidence(_of(place, place.column.name))


def ratio(place: Place) -> Evidence:
    """The fastest INT8 configuration over the fastest INT4 one."""
    return Evidence(step("quotient", "", [_of(place, bits) for bits in BOTH]))


def flips(place: Place) -> Evidence:
    """The samples of the fastest configurations of both."""
    parts = [found[1] for bits in BOTH if (found := _fastest(place, bits)) is not None]
    return Evidence(step("flip probability", "", parts, "%"))


def another(place: Place) -> Evidence:
    """The samples of the best configuration of every format."""
    return Evidence(step("flip probability", "", list(_formats(place).values()), "%"))


def fastest(place: Place) -> Evidence:
    """The best of every format."""
    return Evidence(besides=[step("name of the largest", "", list(_formats(place).values()))])


def _with_file(place: Place, name: str) -> tuple[Study, Tried] | None:
    """A trial that ran with the file of a format: of all of the run the one that is last by its
    settings, as in the table.
    """
    found = [
        (trial.configuration, trial.facts, study, trial)
        for study in place.ledger.of_cell(place.key.cell)
        for trial in place.ledger.trials[study.id]
        if trial.status == "ok" and (json.loads(trial.configuration) or {}).get("format") == name
    ]
    return max(found, key=lambda one: one[:2])[2:] if found else None


def _files(place: Place) -> list[tuple[Study, Tried]]:
    """Trials that ran with the INT8 and with the INT4 file."""
    names = [found[0] for bits in BOTH if (found := _fastest(place, bits)) is not None]
    trials_of = [_with_file(place, name) for name in names]
    return [tried for tried in trials_of if tried is not None]


def bits(place: Place) -> Evidence:
    """Bits a weight of both files."""
    names = [found[0] for bits in BOTH if (found := _fastest(place, bits)) is not None]
    parts = [_bits(place, name) for name in names]
    low, high = (step(rule, "of both files", parts, "bits") for rule in ("smallest", "largest"))
    return Evidence(None, low, high)


def _bits(place: Place, name: str) -> Reading:
    """Of the file of a format, by a trial that ran with it; by the table, where none did."""
    if found := _with_file(place, name):
        study, trial = found
        told = facts.parse(json.loads(trial.facts)).bits_per_weight
        where = place.ledger.where(study.id, trial.number)
        return Reading(told, "bits", trials.named(study, trial), where)
    told = by_format(place.ledger.run, place.ledger.project)[place.key.cell, name].bits
    return Reading(
        told, "bits", name, place.ledger.project.said(place.ledger.project.table(place.cell))
    )


def perplexity(place: Place) -> Evidence:
    """Of the INT4 file over that of the INT8 file."""
    eight, four = (
        trials.value(place.ledger, study, trial, "perplexity") for study, trial in _files(place)
    )
    return Evidence(step("quotient", "the INT4 file's over the INT8 file's", [four, eight]))


def formats(place: Place) -> Evidence:
    """The format of each study's best configuration."""
    parts = []
    for study in place.studies:
        best = trials.best_trial(place.ledger, study)
        name = _format(best.configuration) if best else None
        about = trials.named(study, best) if best else f"{study.method} seed {study.seed}"
        parts.append(Reading(name or NONE, about=about))
    return Evidence(besides=[step("answers", "over studies", parts)], studies=place.ids)


def _format(configuration: str) -> str | None:
    read = json.loads(configuration)
    return str(read["format"]) if read else None


def first(place: Place) -> Evidence:
    """The bit-width of each study's first proposal."""
    files = by_format(place.ledger.run, place.ledger.project)
    parts = [
        Reading(
            label_of_format(study.cell, name, files)
            if (name := _format(trial.configuration))
            else NONE,
            "",
            trials.named(study, trial),
        )
        for study in place.studies
        for trial in place.ledger.trials[study.id][1:2]
    ]
    return Evidence(besides=[step("answers", "over studies", parts)], studies=place.ids)


def regret(place: Place) -> Evidence:
    """How far each study's best is below the fastest of the response table."""
    known = whole.optimum(place.ledger, place.cell)
    found = trials.bests(place.ledger, place.studies)
    parts = [step("relative distance", p.about, [p, known], "%") for p in found if known]
    return Evidence(step("median", "over studies", parts, "%"), studies=place.ids)


COLUMNS: Mapping[str, Declared] = {
    "model": MODEL,
    "hardware": HARDWARE,
    "int8": speed,
    "int4": speed,
    "int8-int4": ratio,
    "bits-a-weight": bits,
    "perplexity": perplexity,
    "order-flips": flips,
    "fastest": fastest,
    "another-is-faster": another,
    "source": source,
    "published": published.of_haqa(),
}
CHOSEN: Mapping[str, Declared] = {
    "model": MODEL,
    "hardware": HARDWARE,
    "method": method,
    "n": studies,
    "format": formats,
    "regret": regret,
    "first-proposal": first,
    "source": source,
}
