"""Where the recordings lie that stand behind a number: its studies' journals and cassettes, the
response table, the pairs and tests of winners.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from haqa_bench import curves
from haqa_bench.documents import read_bytes, sha256
from haqa_bench.parameters.code import AS_IT_COMES, DIGITS, digest
from haqa_bench.report.evidence.recorded import trials
from haqa_bench.report.evidence.recorded.ledger import Ledger, Study, Tried
from haqa_bench.store import tables
from haqa_bench.store import trials as recorded
from haqa_bench.store.journal import read_lines


class StudyTold(NamedTuple):
    """A study: its journal, its best trial in words and what was thought of it, the cassette's line
    in which that was proposed, who answered, and where it was measured; empty where unknown.
    """

    study: str
    journal: str
    trials: int
    best: str
    thought: str
    cassette: str
    answered_by: str
    machine: str
    losses: Sequence[float]
    """Of the training of its best trial, in nats; none where nothing was trained, or noted."""
    source: str = ""
    """The command that prints the source of its best trial, where its method wrote one."""


class Provenance(NamedTuple):
    """The cell's device, what readers have to know of it, the lock, and what is known of each file
    of recordings, by title.
    """

    hardware: str
    remarks: Sequence[str]
    lock: str
    recorded: Mapping[str, Mapping[str, str]]
    studies: Sequence[StudyTold]


def provenance(ledger: Ledger, cell: str, studies: Sequence[str]) -> Provenance:
    """What is known of where a number of a cell came from.

    Raises:
        HaqaError: a recording is damaged.
    """
    found = {
        "response table": _table(ledger, cell),
        "recorded trials": _tried(ledger, cell),
        "confirmed": _confirmed(ledger, cell),
    }
    wanted = set(studies)
    return Provenance(
        ledger.run.cells[cell].hardware.title,
        ledger.run.suite.said_of([cell]),
        ledger.run.suite.lock,
        {title: told for title, told in found.items() if told},
        [_study(ledger, study) for study in ledger.of_cell(cell) if study.id in wanted],
    )


def _table(ledger: Ledger, cell: str) -> dict[str, str]:
    table = ledger.table(ledger.run.cells[cell])
    if table is None:
        return {}
    builds = {f[tables.BUILD] for f in table.entries.facts() if tables.BUILD in f}
    builds |= {str(table.card[tables.BUILD])} if tables.BUILD in table.card else set()
    told = {
        "file": ledger.project.said(table.path),
        "sha256": table.sha256,
        "configurations": str(len(table.entries)),
        "measured": dates(table.card.get("measured", ())),
        "passes": _passes(table.card),
        "llama-cpp-python": ", ".join(sorted(builds)),
        "imported from": _imported(table.card),
    }
    return {name: said for name, said in told.items() if said}


def _tried(ledger: Ledger, cell: str) -> dict[str, str]:
    """Of a cell whose space has a range or a source."""
    path = ledger.project.trials(ledger.run.cells[cell])
    if ledger.run.cells[cell].space.finite or not path.is_file():
        return {}
    found = recorded.read(path)
    build = ", ".join(f"{name} {version}" for name, version in found.header.build.items())
    told = {
        "file": ledger.project.said(path),
        "sha256": sha256(read_bytes(path)),
        "configurations": str(len(found.trials)),
        "measured": dates(found.days),
        "machine": found.header.machine,
        "build": build,
    }
    return {name: said for name, said in told.items() if said}


def _imported(card: Mapping[str, str]) -> str:
    if tables.IMPORTED not in card:
        return ""
    return f"{card[tables.IMPORTED]} (sha256 {card[tables.IMPORTED_SHA256]})"


def _passes(card: Mapping[str, Any]) -> str:
    if not card.get("passes"):
        return ""
    more = f", and up to {card['again']} more of what was disturbed" if card.get("again") else ""
    if best := card.get("best"):
        more += f", and {best['passes']} more of the best {best['configurations']}"
    return f"{card['passes']}{more}"


def dates(found: Sequence[str]) -> str:
    """One day, or a range of days."""
    days = sorted(set(found))
    return " to ".join(days[:: len(days) - 1] if len(days) > 1 else days)


def _confirmed(ledger: Ledger, cell: str) -> dict[str, str]:
    found = ledger.confirmed(cell)
    if not found.default:
        return {}
    pairs, tests = (sum(map(len, of.values())) for of in (found.pairs, found.tests))
    return {
        "file": ledger.project.said(ledger.project.confirmed(ledger.run.cells[cell])),
        "holds": f"{pairs} pairs" if pairs else f"{tests} tests",
        "measured": dates(found.dates),
        "machine": found.machine,
    }


def _study(ledger: Ledger, study: Study) -> StudyTold:
    best = trials.best_trial(ledger, study)
    of_run = ledger.run.studies[study.id]
    return StudyTold(
        study.id,
        ledger.run.said(ledger.run.journal(of_run)),
        len(ledger.trials[study.id]),
        trials.named(study, best) if best else "no feasible trial",
        best.thought if best else "",
        _cassette(ledger, study.id, best.number) if study.answered_by and best else "",
        study.answered_by,
        study.machine,
        curves.losses_of(json.loads(best.facts)) if best else (),
        _printing(ledger, study, best) if best else "",
    )


def _printing(ledger: Ledger, study: Study, best: Tried) -> str:
    """What prints the source of a trial; nothing of the one as it comes."""
    name = ledger.run.cells[study.cell].space.code
    source = (json.loads(best.configuration) or {}).get(name, AS_IT_COMES)
    if source == AS_IT_COMES:
        return ""
    called = ledger.project.called(ledger.run.suite.name)
    return f"haqa-bench trials show {called} --code {digest(source)[:DIGITS]}"


def _cassette(ledger: Ledger, study: str, trial: int) -> str:
    """Where the exchange is recorded that proposed a trial: file and line; nothing of the default,
    which nobody proposed.
    """
    path = ledger.project.cassette(ledger.run.studies[study].asked_by(trial))
    if not trial or not path.is_file():
        return ""
    rounds = [
        number
        for number, line in enumerate(read_lines(path), 1)
        if line.get("kind") == "exchange" and line.get("round") == trial
    ]
    said = ledger.project.said(path)
    return f"{said}:{rounds[-1]}" if rounds else said
