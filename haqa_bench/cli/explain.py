"""haqa-bench explain."""

import json
from pathlib import Path
from typing import Any

import click

from haqa_bench.cli.options import JSON, PROJECT, RUN, RUNS_FOLDER
from haqa_bench.documents import JsonObject

SAMPLES = 12
"""How many of a trial's samples are printed."""


@click.command()
@RUN
@click.argument("number", metavar="ID")
@RUNS_FOLDER
@PROJECT
@JSON
def explain(run_folder: Path, number: str, project: Path | None, as_json: bool) -> None:
    """Trace a number of RUN's tables back to formula, studies, trials, samples, cassette lines and
    machine.

    ID is TABLE:CELL/METHOD/COLUMN, as every format of the tables gives it; a row's id explains the
    row; words of a row do too, such as T2:SmolLM2-135M/INT4/haqa.
    """
    from haqa_bench.project import open_run, project_above
    from haqa_bench.report import explain as trace
    from haqa_bench.report.tables import catalogue

    where = project_above(run_folder, project)
    with open_run(run_folder) as run:
        made = {**catalogue.tables(run, where), **catalogue.compared(run, where)}
        found = trace.explain(run, where, trace.find(made, number))
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else _words(found))


def _words(found: JsonObject) -> str:
    lines = [
        found["id"],
        f"  in: {found['table']}",
        "  row: " + "; ".join(f"{h} {v}" for h, v in found["row"].items() if v),
    ]
    lines += [f"  printed: {found['printed']}"] if found["printed"] else []
    lines += [f"  formula: {found['formula']}"] if found["formula"] else []
    lines += [f"  hardware: {found['cell']['hardware']}", f"  lock: {found['lock']}"]
    for title, name in (("response table", "response_table"), ("confirmed", "confirmed")):
        if found[name]:
            lines.append(
                f"  {title}: " + ", ".join(f"{k} {_plain(v)}" for k, v in found[name].items())
            )
    for study in found["studies"]:
        lines += _study(study)
    return "\n".join(lines)


def _study(study: JsonObject) -> list[str]:
    lines = [f"  {study['study']}: {study['trials']} trials, {study['journal']}"]
    if study["trial"] is None:
        return [*lines, "    no feasible trial"]
    rank = f", rank {study['rank']}" if study["rank"] else ""
    lines.append(f"    best: trial {study['trial']}{rank}, {json.dumps(study['configuration'])}")
    samples = study["samples"] or []
    shown = ", ".join(f"{s:.6g}" for s in samples[:SAMPLES]) + (
        ", ..." if len(samples) > SAMPLES else ""
    )
    lines.append(
        f"    {study['metric']} {study['value']:.6g} {study['unit']} "
        f"({study['source']}), estimated from {study['estimated_from']} of "
        f"{len(samples)} samples: {shown}"
    )
    lines += (
        [f"    answered by {study['answered_by']}: {study['cassette']}"]
        if study["answered_by"]
        else []
    )
    lines += [f"    thought: {study['thought']}"] if study["thought"] else []
    lines += [f"    measured on {study['machine']}"] if study["machine"] else []
    return lines


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
