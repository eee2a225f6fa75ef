"""Whether methods that compute their proposals propose here what they proposed when the results
were recorded.

An LLM's replies are recorded; what TPE, the Gaussian process and their like propose is computed
anew in each replay, and other libraries, or another processor, may compute otherwise. So
results/proposals/SUITE.jsonl holds a hash of what each study proposed, and what it was computed
with. A study that follows from anything else than the recorded one is not compared.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from haqa_bench import installed, registry
from haqa_bench.documents import Document, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.project import Run
from haqa_bench.run.plan import Plan
from haqa_bench.run.versions import computed_with
from haqa_bench.space import key_of
from haqa_bench.store import manifest
from haqa_bench.store.journal import finished, read_finished
from haqa_bench.study import Study

SAME = "here the same, so the program itself has changed, or the processor"


class Record(Document):
    """What a study proposed when its results were recorded."""

    study: str
    follows_from: str
    """SHA-256 of all that its proposals follow from beside its seed: cell, optimizer, options, and
    the recordings that it replays.
    """
    proposals: int
    sha256: str
    """Of the keys of the proposed configurations, in their order."""
    versions: dict[str, str]
    """Of what they were computed with."""


class Proposed(NamedTuple):
    """A proposal of a study, as JSON; `null` for one that was no configuration."""

    study: str
    configuration: str


def differences(plan: Plan, run: Run) -> list[str]:
    """What to tell of methods whose proposals are not the recorded ones, a note each.

    Raises:
        HaqaError: the record is damaged; names the line.
    """
    if plan.measure != "recorded":
        return []  # answered otherwise, so proposed otherwise
    known = recorded(plan)
    studies = [study for study in computed(plan) if study.id in known]
    found = _proposed(run) if studies else {}
    differ = [s for s in studies if _hash(found[s.id]) != known[s.id].sha256]
    told = [s for s in differ if follows_from(plan, s) == known[s.id].follows_from]
    told.sort(key=lambda study: study.method.name)
    return [
        _note(plan, list(of_method), known) for _, of_method in groupby(told, lambda s: s.method)
    ]


def recordable(plan: Plan) -> list[Study]:
    """The studies of a plan whose proposals can be recorded.

    Raises:
        HaqaError: there are none.
    """
    if plan.replays and plan.measure == "recorded" and (studies := computed(plan)):
        return studies
    raise HaqaError(
        "--record-proposals",
        "no study here computes its proposals in a replay",
        f"Methods that do: {', '.join(registry.COMPUTED)}; and leave out --agent and --measure",
    )


def record(plan: Plan, run: Run) -> Path:
    """Records what the studies of a run proposed, beside what is known of the suite's others; the
    path of the record.

    Raises:
        HaqaError: there is nothing to record; or the record cannot be read or written.
    """
    studies, found = recordable(plan), _proposed(run)
    now = {study.id: _record(plan, study, found[study.id]) for study in studies}
    every = {**recorded(plan), **now}
    kept = [every[study.id] for study in plan.suite.studies() if study.id in every]
    path = plan.places.own.proposals(plan.suite.name)
    manifest.write(path, finished(one.model_dump(mode="json") for one in kept))
    return path


def recorded(plan: Plan) -> dict[str, Record]:
    """What is known of a suite's studies, by their ids; nothing where nothing was recorded.

    Raises:
        HaqaError: the record is damaged; names the line.
    """
    path = plan.places.proposals(plan.suite.name)
    return {one.study: one for one in read(path)} if path.is_file() else {}


def read(path: Path) -> list[Record]:
    """A suite's record.

    Raises:
        HaqaError: it is damaged; names the line.
    """
    return [_parsed(path, number, line) for number, line in enumerate(read_finished(path), 1)]


def _parsed(path: Path, number: int, line: Mapping[str, object]) -> Record:
    try:
        return Record.model_validate(line)
    except ValidationError as error:
        what = f"no record of proposals: {error.errors()[0]['msg']}"
        todo = "Restore the file, or record it anew: haqa-bench run SUITE --record-proposals"
        raise HaqaError(f"{path}:{number}", what, todo) from None


def computed(plan: Plan) -> list[Study]:
    """The studies of a plan whose proposals each replay computes anew, by methods of ours."""
    return [s for s in plan.studies if s.method.optimizer in registry.COMPUTED]


def _proposed(run: Run) -> dict[str, list[str | None]]:
    """The keys that each study of a run proposed."""
    known = cache(_key)  # few configurations, proposed by many studies
    rows = groupby(run.rows("proposed", Proposed), lambda row: row.study)
    return {study: [known(row.configuration) for row in of_study] for study, of_study in rows}


def _key(configuration: str) -> str | None:
    read = json.loads(configuration)
    return None if read is None else key_of(read)


def _hash(keys: Sequence[str | None]) -> str:
    return sha256(json.dumps(keys).encode())


def _record(plan: Plan, study: Study, keys: Sequence[str | None]) -> Record:
    return Record(
        study=study.id,
        follows_from=follows_from(plan, study),
        proposals=len(keys),
        sha256=_hash(keys),
        versions=computed_with(registry.COMPUTED[study.method.optimizer]),
    )


def follows_from(plan: Plan, study: Study) -> str:
    """SHA-256 of all that a study's proposals follow from beside its seed (see Record)."""
    asked = [one for one in study.line if one.method.chat]
    replayed = [plan.recording(study.cell), *map(plan.cassette, asked)]
    method = study.method.model_dump(mode="json", include={"optimizer", "options", "chat"})
    files = [sha256(path.read_bytes()) for path in replayed if path.is_file()]
    return sha256({"cell": study.cell.model_dump(mode="json"), "method": method, "files": files})


def _note(plan: Plan, differ: Sequence[Study], known: Mapping[str, Record]) -> str:
    """What to tell of the studies of a method that proposed otherwise."""
    method = differ[0].method
    compared = [s for s in computed(plan) if s.method == method and s.id in known]
    then = known[differ[0].id].versions
    here = computed_with(registry.COMPUTED[method.optimizer])
    changed = {name: value for name, value in here.items() if then.get(name) != value}
    return (
        f"{method.name} proposed otherwise than recorded in {len(differ)} of {len(compared)} "
        f"studies, so its numbers are not the recorded ones. Recorded with {_words(then)}; "
        + (
            f"here {_words(changed)}. To compute with the locked versions: {installed.locked()}"
            if changed
            else SAME
        )
    )


def _words(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())
