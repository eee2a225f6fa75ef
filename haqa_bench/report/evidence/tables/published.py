"""What stands behind the columns of what was published: the place in the published table."""

from haqa_bench.report.evidence.place import Declared, Place
from haqa_bench.report.evidence.tree import Evidence, Reading
from haqa_bench.report.published import beside, document
from haqa_bench.report.published.document import PublishedTable


def of_method(place: Place) -> Evidence:
    """Of the method that the row is of."""
    return _published(place, place.studies[0].optimizer if place.studies else "", {})


def of_haqa(limited: bool = False) -> Declared:
    """Of HAQA; under the limit that the row is of, where it is."""

    def made(place: Place) -> Evidence:
        limit = {"limit": place.key.part.replace("_gb", " GB")} if limited else {}
        return _published(place, "haqa", limit)

    return made


def _published(place: Place, method: str, more: beside.Place) -> Evidence:
    """One number, or a range, is told as such; else every value."""
    path = place.ledger.project.published(place.table)
    table, where = document.load(path), place.ledger.project.said(path)
    if table is None:
        return Evidence(
            besides=[Reading(place.printed.text, about="nothing is known", where=where)]
        )
    at = {**beside.place_of(place.cell), **more}
    found = [_readings(table, one, where) for one in beside.found(table, at, method)]
    if len(found) == 1:
        return found[0]
    besides = [part for one in found for part in one.parts]
    nothing = Reading(place.printed.text, about=f"{table.label} has nothing of it", where=where)
    return Evidence(besides=besides or [nothing])


def _readings(table: PublishedTable, found: beside.Found, where: str) -> Evidence:
    entry, column = table.at(found.row, found.column.name), found.column
    about = f"{table.label}, {', '.join(found.row.key)}, {column.name}"
    known = Reading(None, column.unit, about, where, source="published")
    if entry.low is not None and entry.high is not None:
        return Evidence(None, known._replace(value=entry.low), known._replace(value=entry.high))
    if entry.number is not None:
        return Evidence(known._replace(value=entry.number))
    return Evidence(besides=[known._replace(value=entry.word)])
