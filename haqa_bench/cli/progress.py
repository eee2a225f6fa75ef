"""Progress on stderr: a bar for who watches, plain lines for a log, nothing with --quiet; and a
plan that runs under it.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.options import QUIET_KEY
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from rich.progress import Progress

    from haqa_bench.cli.lines import Lines
    from haqa_bench.run.executors import Executor
    from haqa_bench.run.plan import Plan
    from haqa_bench.trial import Trial

    Landed = Callable[[Trial], None]

VARIABLE = "HAQA_BENCH_PROGRESS"
"""The environment variable that says which there is: bar, lines or off."""


def bar() -> "Progress | Lines":
    """A bar on a terminal, lines elsewhere, or what VARIABLE says.

    Raises:
        HaqaError: it says something else.
    """
    from haqa_bench.cli.lines import Lines

    context = click.get_current_context(silent=True)
    watched = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    wanted = os.environ.get(VARIABLE) or ("bar" if watched else "lines")
    if wanted not in ("bar", "lines", "off"):
        raise HaqaError(VARIABLE, f"'{wanted}' is no progress", "Set it to bar, lines or off")
    if wanted == "off" or (context is not None and context.meta.get(QUIET_KEY)):
        return _bar(disable=True)
    return _bar() if wanted == "bar" else Lines(partial(echo, err=True))


def _bar(disable: bool = False) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=disable)


def with_progress(
    plan: "Plan", target: Path, executor: "Executor", landed: "Landed" = lambda _: None
) -> list[str]:
    """Runs with progress bars where somebody watches; what is worth telling of the studies. A
    replay that has ended already is not run again. `landed` is called after each trial, before
    anything else is measured.
    """
    from haqa_bench.plugins import quiet
    from haqa_bench.project import write_lock
    from haqa_bench.run import complete
    from haqa_bench.store import failures

    if plan.replays and complete.is_complete(target):
        write_lock(target, plan.suite)  # it is the latest run now, and labels may be new
        return _otherwise(plan, target)
    with quiet():
        notes = _run(plan, target, executor, landed)
    if not failures.read(target):
        complete.mark(target)
    return notes + _otherwise(plan, target)


def _otherwise(plan: "Plan", target: Path) -> list[str]:
    """What was proposed otherwise than recorded."""
    from haqa_bench.project import open_run
    from haqa_bench.run import proposals

    with open_run(target) as done:
        return proposals.differences(plan, done)


def _run(plan: "Plan", target: Path, executor: "Executor", landed: "Landed") -> list[str]:
    from haqa_bench.run.runner import Pairing
    from haqa_bench.run.runner import run as run_plan

    notes = []
    with bar() as progress:
        studies = progress.add_task("studies", total=len(plan.studies))
        trials = progress.add_task("trials", total=None)
        for event in run_plan(plan, target, executor):
            if isinstance(event, Pairing):
                words = f"{event.cell.id}: confirmed"
                progress.update(trials, completed=0, total=event.left, description=words)
            elif event.trial is None:
                progress.advance(studies)
                notes += [f"{event.study.id}: {event.note}"] if event.note else []
            else:
                budget, done = event.study.cell.budget, event.trial.number + 1
                total = None if budget.seconds else budget.proposals  # nobody knows how many
                progress.update(trials, completed=done, total=total, description=event.study.id)
                landed(event.trial)
    return notes


def replayed(suite_path: Path, project: Path | None) -> Path:
    """The folder of the suite's replay, which is run where it is not there yet."""
    from haqa_bench.cli.options import open_suite
    from haqa_bench.run.executors.local import Serial
    from haqa_bench.run.plan import Plan

    suite, folder = open_suite(suite_path, project)
    plan = Plan(suite, folder, suite.studies())
    target = plan.folder
    for note in with_progress(plan, target, Serial()):
        echo(note, err=True)
    return target
