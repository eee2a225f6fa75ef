"""haqa-bench run."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench import disk
from haqa_bench.cli import in_vain, left_out
from haqa_bench.cli.asking import answered, asking
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import COUNT
from haqa_bench.cli.options import (
    ADDRESS,
    DATA,
    EXECUTOR,
    HARDWARE,
    JSON,
    PROJECT,
    QUIET,
    RUNS_FOLDER,
    SUITE,
    WIDE,
    chosen,
    open_elsewhere,
    selection,
    share_cores,
)
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.report.tables.table import Table
    from haqa_bench.run.executors import Executor
    from haqa_bench.run.plan import Plan

SHOWN = 10
"""How many of the studies that failed are told of on stderr."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench run llama",
        "haqa-bench run llama --methods haqa,random --cells '*int4*'",
        "haqa-bench run llama --with ./coin.py:Coin --methods random,Coin --seeds 30",
        "haqa-bench run llama --agent live --base-url http://localhost:8000/v1",
    ],
)
@SUITE
@click.option(
    "--agent",
    type=click.Choice(["cassette", "live"]),
    default="cassette",
    help="Who answers: recorded exchanges (default), or an LLM.",
)
@click.option(
    "--measure",
    type=click.Choice(["recorded", "live", "surrogate"]),
    default="recorded",
    help="What measures: recordings (default), this machine, or a model of recorded trials, for "
    "cells with ranges: what it says is simulated.",
)
@selection
@HARDWARE
@asking
@click.option(
    "--workers",
    type=COUNT,
    default=1,
    show_default=True,
    help="Studies at once; what comes out is the same with any number. Live: those that "
    "train share the cores; all others compute and are measured in turns, while agents wait for "
    "LLMs elsewhere.",
)
@click.option(
    "--confirm-later",
    is_flag=True,
    help="Live: leave out the noise floor and the pairs or tests of winners, which haqa-bench "
    "confirm takes later.",
)
@EXECUTOR
@ADDRESS
@click.option(
    "--with",
    "added",
    metavar="METHOD",
    multiple=True,
    help="Add a method that SUITE does not name: [NAME=]OPTIMIZER[:option=value,...], where "
    "OPTIMIZER is a name (haqa-bench plugin list), package.module:Class or ./file.py:Class. May be "
    "given again.",
)
@click.option("--add-method", "added_before", multiple=True, hidden=True)
@click.option("--fresh", is_flag=True, help="Forget what this run has done so far and start anew.")
@click.option(
    "--record-proposals",
    is_flag=True,
    help="Record what computing methods proposed, which replays are compared with from then on.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run, and what it takes; run nothing.")
@QUIET
@WIDE
@DATA
@RUNS_FOLDER
@PROJECT
@JSON
def run(
    suite_path: Path,
    project: Path | None,
    cells: str | None,
    methods: str | None,
    seeds: int | None,
    seed: tuple[int, ...],
    hardware: str | None,
    workers: int,
    confirm_later: bool,
    where: str,
    address: str,
    fresh: bool,
    record_proposals: bool,
    dry_run: bool,
    added: tuple[str, ...],
    added_before: tuple[str, ...],
    wide: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Run SUITE's studies and print its table.

    By default nothing goes out: recorded agents are replayed on recorded measurements. A run that
    was stopped goes on with the same command. Journals, database and tables go to results/runs/.
    """
    from haqa_bench import registry
    from haqa_bench.cli.progress import with_progress
    from haqa_bench.project import Project
    from haqa_bench.run import inputs
    from haqa_bench.run.forecast import forecast, stale, warnings
    from haqa_bench.run.measuring import timed
    from haqa_bench.run.plan import Plan
    from haqa_bench.run.proposals import recordable
    from haqa_bench.run.surrogate import surrogates

    in_vain.check(click.get_current_context())
    if added_before:
        echo("--add-method is called --with now.", err=True)
    if record_proposals and (added or added_before):
        what = "records what methods of the suite itself propose"
        raise HaqaError("--record-proposals", what, "Leave out --with, or write it in the suite")
    methods_added = (*added, *added_before)
    suite, folder = open_elsewhere(suite_path, project, hardware, cells, methods_added)
    replays = how["agent"] == "cassette"
    if seeds:
        suite = inputs.with_seeds(suite, range(seeds), Project(folder), replays)
    studies = chosen(suite, None if hardware else cells, methods, seed)
    if seeds and replays:
        studies = [s for s in studies if inputs.there(s, suite, Project(folder))]
    registry.check_classes({s.method.name: s.method for s in studies}.values())
    registry.check_spaces(studies)
    plan = Plan(
        suite=suite,
        project=folder,
        studies=studies,
        agent=how["agent"],
        measure=how["measure"],
        fresh=fresh,
        confirms=not confirm_later,
    )
    plan = answered(plan, suite_path, how)
    if dry_run:
        echo(_planned(plan, forecast(plan), as_json))
        return
    if plan.measure == "live":
        share_cores(1 if timed(plan) else workers)
        echo("\n".join(forecast(plan)), err=True)
    if record_proposals:
        recordable(plan)
    inputs.check(plan)
    target = plan.folder
    if fresh:
        _forget(plan, target)
    for line in surrogates(plan):
        echo(line, err=True)
    notes = [f"Budget check: {warning}." for warning in warnings(plan)] + [
        f"{line}." for line in stale(plan)
    ]
    if hidden := inputs.hidden(plan):
        notes.append(f"Recorded in {folder}, and not as haqa-bench brings it: {', '.join(hidden)}.")
    notes += with_progress(plan, target, _executor(where, address, workers))
    if record_proposals:
        notes = [_record(plan, target)]
    _tell(plan, target, notes, as_json, wide)
    _end(target)


def _planned(plan: "Plan", forecast: Sequence[str], as_json: bool) -> str:
    """What would run, and what it takes at most."""
    if not as_json:
        return "\n".join(forecast)
    told = {
        "suite": plan.suite.name,
        "folder": str(plan.folder),
        "agent": plan.agent,
        "measure": plan.measure,
        "studies": len(plan.studies),
        "proposals": sum(study.cell.budget.proposals for study in plan.studies),
        "cells": list(dict.fromkeys(study.cell.id for study in plan.studies)),
        "forecast": list(forecast),
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _executor(where: str, address: str, workers: int) -> "Executor":
    from haqa_bench.run.executors.local import Serial, Workers

    if where == "ray":
        from haqa_bench.run.executors.ray_cluster import RayCluster

        return RayCluster(address, workers)
    return Workers(workers) if workers > 1 else Serial()


def _forget(plan: "Plan", target: Path) -> None:
    """Removes what a run, and recordings that it began, have done so far. Finished cassettes stay
    until new ones take their place.
    """
    import shutil

    from haqa_bench.llm import recording
    from haqa_bench.run import runner

    if target.is_symlink():
        todo = "Remove the link, or name another folder with --runs"
        raise HaqaError(target, "is a link: what it leads to is not forgotten", todo)
    lock = runner.alone(target) if target.exists() else None
    if plan.agent == "live":
        for study in plan.studies:
            recording.forget(plan.cassette(study))
    if lock:
        with disk.faults(target):
            shutil.rmtree(target)
        lock.release()


def _record(plan: "Plan", target: Path) -> str:
    """Records what was proposed; what to tell of it."""
    from haqa_bench.project import open_run
    from haqa_bench.run import proposals

    with open_run(target) as done:
        return f"Recorded what was proposed: {plan.places.said(proposals.record(plan, done))}"


def _tell(plan: "Plan", target: Path, notes: list[str], as_json: bool, wide: bool) -> None:
    from haqa_bench.project import Project, open_run
    from haqa_bench.report import formats
    from haqa_bench.report.paper import catalogue as paper
    from haqa_bench.report.tables import catalogue

    with open_run(target) as done:
        found = catalogue.tables(done, Project(plan.project))
        theirs = paper.asked(done, Project(plan.project))
        left_out.note(done)
    every = found | {f"{name}-paper": table for name, table in theirs.items()}
    written = [
        path
        for name, table in every.items()
        for path in formats.write(table, target / "tables", name, in_full=name not in found)
    ]
    found = paper.instead(found, theirs)
    if as_json:
        echo(_told(target, written, notes, found))
        return
    for note in notes:
        echo(note, err=True)
    echo((formats.in_parts if theirs else formats.several)(found, "text", wide))
    echo(
        f"Agent: {plan.agent}. Measurements: {plan.measure}. Studies: "
        f"{len(plan.studies)}. Lock: {plan.suite.lock[:12]}."
    )
    echo(
        f"Written to {target}: "
        + ", ".join(p.relative_to(target).as_posix() for p in written)
        + ", trials.duckdb, journal/"
    )


def _end(target: Path) -> None:
    """Ends with exit code 3 where studies of a run failed, or tables are left out; says which."""
    from haqa_bench.store import failures

    failed = failures.read(target)
    for study, failure in list(failed.items())[:SHOWN]:
        echo(f"haqa-bench: {study}: {failure.what}", err=True)
    if len(failed) > SHOWN:
        echo(f"haqa-bench: {len(failed) - SHOWN} studies more failed", err=True)
    if failed:
        echo(f"haqa-bench: where each was raised: {target / failures.NAME}", err=True)
    left_out.end()
    if failed:
        sys.exit(3)


def _told(
    target: Path, written: Sequence[Path], notes: Sequence[str], found: "Mapping[str, Table]"
) -> str:
    """All of it as JSON."""
    from haqa_bench.report.formats.as_json import as_json

    report = {
        "folder": str(target),
        "written": [str(p) for p in written],
        "notes": list(notes),
        "tables": {name: json.loads(as_json(t, name)) for name, t in found.items()},
    }
    return json.dumps(report, indent=2, ensure_ascii=False)
