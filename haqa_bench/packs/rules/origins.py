"""Rules of where numbers are from: the form, versions, dates, recorded exchanges."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from haqa_bench import __version__
from haqa_bench.packs import form
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.points import Point, by_file, points
from haqa_bench.packs.rules.rule import AGAIN, MEASURE, Problem, Rule
from haqa_bench.project import Project

FIRST_DAY = date(2026, 11, 24)
"""The day of this program's first commit: nothing was measured with it before."""
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){1,3}")
BUILT = ("llama_cpp_python", "build_commit", "driver", "torch", "versions", "pyopencl", "ggml")
"""Facts that name the build which measured; a trial that was measured has one of them."""


def _form(pack: Pack, _: Project) -> Iterator[Problem]:
    if pack.form is None:
        what = pack.unread.get(form.NAME, "is missing")
        yield Problem(form.NAME, f"cannot be read: {what}", "Fill in the one that was packed")
        return
    for question, wanted in pack.form.gaps.items():
        yield Problem(f"{form.NAME}: {question}", "is not answered", f"Write {wanted}")


def _versions(pack: Pack, _: Project) -> Iterator[Problem]:
    if pack.card is not None:
        told = {"haqa_bench": pack.card.haqa_bench, "source": pack.card.source}
        told |= {"python": pack.card.python, "system": pack.card.system}
        for name, value in told.items():
            if not value.strip():
                yield Problem(f"pack.json: {name}", "is missing", AGAIN)
        yield from _version("pack.json: haqa_bench", pack.card.haqa_bench)
    for name, table in pack.tables.items():
        yield from _version(f"{name}: haqa_bench", str(table.card.get("haqa_bench", "")))
    for name, found in by_file(points(pack)).items():
        unsaid = [point for point in found if point.measurements and not _is_built(point)]
        if unsaid:
            what = f"{len(unsaid)} of {len(found)} configurations do not say which build measured"
            yield Problem(name, what, MEASURE)


def _is_built(point: Point) -> bool:
    return point.cell.simulated or any(point.facts.get(name, "").strip() for name in BUILT)


def _version(where: str, told: str) -> Iterator[Problem]:
    if not _VERSION.match(told):
        yield Problem(where, f"is no version: '{told}'", AGAIN)
    elif _numbers(told) > _numbers(__version__):
        what = f"is {told}, and this program is {__version__}"
        yield Problem(where, what, "Check it with a newer haqa-bench")


def _numbers(version: str) -> tuple[int, ...]:
    found = _VERSION.match(version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _dates(pack: Pack, _: Project) -> Iterator[Problem]:
    for where, told in _told_dates(pack):
        try:
            day = date.fromisoformat(told)
        except ValueError:
            yield Problem(where, f"'{told}' is no date", MEASURE)
            continue
        latest = datetime.now(UTC).date() + timedelta(days=1)  # some clocks are a day ahead
        if day > latest:
            yield Problem(where, f"was measured on {day}, which is yet to come", "Set the clock")
        if day < FIRST_DAY:
            yield Problem(where, f"was measured on {day}, before this program existed", MEASURE)


def _told_dates(pack: Pack) -> Iterator[tuple[str, str]]:
    for name, table in pack.tables.items():
        measured = table.card.get("measured")
        days = measured if isinstance(measured, list) and len(measured) == 2 else [""]
        if days == sorted(map(str, days)):
            yield from ((name, str(day)) for day in days)
        else:
            yield name, f"{days[0]} to {days[1]}"
    for name, found in pack.confirmed.items():
        yield from ((name, day) for day in sorted({line.date for line in found.lines}))
    for name, one in pack.cassettes.items():
        yield name, str(one.card.get("recorded", ""))


def _cassettes(pack: Pack, _: Project) -> Iterator[Problem]:
    for name, one in pack.cassettes.items():
        study = str(one.card.get("study"))
        suite, cell, method, seed = (study.split("/") + [""] * 4)[:4]
        place = f"cassettes/{suite}/{cell}/{method}-{seed.replace('seed', 's')}.jsonl"
        if name != place:
            yield Problem(name, f"is the recording of {study}", "Move it to its place")
        if pack.card is not None and one.card.get("run") != pack.card.run:
            yield Problem(name, "was recorded in another run than the pack's", AGAIN)


RULES = (
    Rule("form", "the form is filled in", _form, needs_suite=False),
    Rule("versions", "program and build are named, and known here", _versions),
    Rule("dates", "nothing is from the future, or from before this program", _dates, False),
    Rule("cassettes", "recorded exchanges are of the pack's run", _cassettes, needs_suite=False),
)
