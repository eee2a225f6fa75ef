"""Rules against what is there already: the same bytes, or the same samples under another name."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.rules.rule import Problem, Rule
from haqa_bench.project import Project
from haqa_bench.store import confirmed, manifest, tables
from haqa_bench.store.confirmed import Confirmed
from haqa_bench.store.tables import ResponseTable

MOST_SHARED = 0.01
"""The share of configurations that may have another table's very samples: chance gives none."""
DIGITS = 3
"""Samples from which on equal ones are no chance."""
OWN = "Pack what this machine measured, and nothing else"


def _bytes(pack: Pack, project: Project) -> Iterator[Problem]:
    theirs = {sha256(pack.bytes(name)): name for name in pack.recorded}
    for area in manifest.AREAS:
        for path in project.files(area).values():
            if name := theirs.get(sha256(path.read_bytes())):
                what = f"is in the project already, as {project.said(path)}"
                yield Problem(name, what, OWN)


def _samples(pack: Pack, project: Project) -> Iterator[Problem]:
    others = dict(_tables(project, {name.split("/")[2] for name in pack.tables}))
    ours = {name: _of_table(table) for name, table in pack.tables.items()}
    seen: dict[str, Mapping[str, tuple[float, ...]]] = dict(others)
    for name, samples in ours.items():
        for other, known in seen.items():
            yield from _shared(name, samples, other, known)
        seen[name] = samples
    yield from _pairs(pack, project)


def _shared(
    name: str,
    samples: Mapping[str, tuple[float, ...]],
    other: str,
    known: Mapping[str, tuple[float, ...]],
) -> Iterator[Problem]:
    same = [key for key, found in samples.items() if known.get(key) == found]
    if len(same) > MOST_SHARED * max(len(samples), 1):
        what = f"{len(same)} of {len(samples)} configurations have the very samples of {other}"
        yield Problem(name, what, OWN)


def _of_table(table: ResponseTable) -> dict[str, tuple[float, ...]]:
    """The samples of each configuration's longest metric, in order of size."""
    found = {
        key: tuple(sorted(max((m.samples for m in entry.measurements), key=_telling)))
        for key, entry in table.entries.items()
        if entry.measurements
    }
    return {key: samples for key, samples in found.items() if len(set(samples)) >= DIGITS}


def _telling(samples: Iterable[float]) -> tuple[int, float]:
    kept = set(samples)
    return len(kept), max(kept, default=0.0)


def _tables(
    project: Project, tracks: set[str]
) -> Iterator[tuple[str, Mapping[str, tuple[float, ...]]]]:
    """The samples of the project's tables of some tracks, by their paths."""
    for path in project.files("results/tables/*/*.parquet").values():
        if path.parent.name in tracks:
            try:
                yield project.said(path), _of_table(tables.read(path))
            except HaqaError:  # `haqa-bench check` tells of it
                continue


def _pairs(pack: Pack, project: Project) -> Iterator[Problem]:
    """Pairs whose samples the project has of another machine."""
    known = {
        samples: project.said(path)
        for path in project.files("results/confirmed/*/*.jsonl").values()
        for samples in _of_pairs(_read(path))
    }
    for name, found in pack.confirmed.items():
        for other in {known[s] for s in _of_pairs(found) if s in known}:
            yield Problem(name, f"has the very samples of {other}", OWN)


def _read(path: Path) -> Confirmed | None:
    try:
        return confirmed.read(path)
    except HaqaError:  # `haqa-bench check` tells of it
        return None


def _of_pairs(found: Confirmed | None) -> Iterator[tuple[float, ...]]:
    for line in found.lines if found else ():
        if line.kind == "pair" and len(set(line.tuned_samples)) >= DIGITS:
            yield line.tuned_samples


RULES = (
    Rule("new", "nothing is in the project already", _bytes, needs_suite=False),
    Rule("own", "no samples that another machine's results have", _samples, needs_suite=False),
)
