"""haqa-bench explain."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.options import JSON, PROJECT, RUN, RUNS_FOLDER
from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.report.evidence.recorded.provenance import Provenance, StudyTold
    from haqa_bench.report.explain import Explained


@click.command(
    cls=Command,
    examples=[
        "haqa-bench explain llama F5:SmolLM2-135M/INT4/haqa/speed-up",
    ],
)
@RUN
@click.argument("number", metavar="ID")
@RUNS_FOLDER
@PROJECT
@JSON
def explain(run_folder: Path, number: str, project: Path | None, as_json: bool) -> None:
    """Trace a number of RUN's tables back to the samples, pairs, tests and trials that it was made
    of, and do the sum again; exit code 1 where that does not give what is printed.

    ID is TABLE:CELL/METHOD/COLUMN, as every format of the tables gives it; a row's id explains the
    row; words of a row do too, such as T2:SmolLM2-135M/INT4/haqa.
    """
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report import explain as trace
    from haqa_bench.report.evidence.recorded.ledger import Ledger
    from haqa_bench.report.tables import catalogue

    where = project_above(run_folder, project)
    with open_run(run_folder) as run:
        made = {**catalogue.tables(run, where), **catalogue.compared(run, where)}
        found = trace.explain(Ledger(run, where), trace.find(made, number))
    told = found.as_json()
    echo(json.dumps(told, indent=2, ensure_ascii=False) if as_json else _words(found))
    sys.exit(0 if found.agrees else 1)


def _words(found: "Explained") -> str:
    from haqa_bench.report.explain import named

    row = "; ".join(f"{name} {said}" for name, said in named(found.number).items())
    lines = [
        found.number.id,
        f"  in: {found.number.table.title}",
        *([f"  row: {row}"] if row else []),
        *(_row(found) if found.row else _number(found)),
        *_provenance(found.provenance),
    ]
    return "\n".join(lines)


def _number(found: "Explained") -> list[str]:
    from haqa_bench.report.evidence import as_json, told

    column, value = found.number.heading, found.number.value
    about = column.about if column else ""
    return [
        f"  printed: {value.text or 'nothing'}",
        *([f"  what it is: {about}"] if about else []),
        *(f"  DISAGREES: {fault}" for fault in found.faults),
        *(["  done again: it agrees"] if value.known and not found.faults else []),
        *(f"    {line}" for line in told.lines(found.evidence)),
        *(f"  {name}: {sentence}" for name, sentence in as_json.rules(found.evidence).items()),
    ]


def _row(found: "Explained") -> list[str]:
    """A line a number, each with its id."""
    lines = ["  its numbers, each explained by its id:"]
    for one in found.row:
        column = one.number.heading
        if column and column.role != "key":
            wrong = f"; DISAGREES: {'; '.join(one.faults)}" if one.faults else ""
            lines.append(f"    {column.name}: {one.number.value.text} ({one.number.id}){wrong}")
    return lines


def _provenance(found: "Provenance") -> list[str]:
    remarks = [f"  remark: {remark}" for remark in found.remarks]
    lines = [f"  hardware: {found.hardware}", *remarks, f"  lock: {found.lock}"]
    for title, facts in found.recorded.items():
        lines.append(f"  {title}: " + "; ".join(f"{name} {said}" for name, said in facts.items()))
    return lines + [line for study in found.studies for line in _study(study)]


def _study(study: "StudyTold") -> list[str]:
    told = {
        "its source": study.source,
        "thought": study.thought,
        "proposed in": study.cassette,
        "answered by": study.answered_by,
        "measured on": study.machine,
        "its training's losses, nats": " ".join(f"{loss:.4g}" for loss in study.losses),
    }
    return [
        f"  {study.study}: {study.trials} trials, {study.journal}",
        f"    best: {study.best}",
        *(f"    {name}: {said}" for name, said in told.items() if said),
    ]
