"""A progress bar on stderr for people, silent where nobody watches; and a plan that runs
under it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from rich.progress import Progress

    from haqa_bench.run.executors import Executor
    from haqa_bench.run.plan import Plan


def bar() -> "Progress":
    """A bar that shows itself only on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def with_progress(plan: "Plan", target: Path, executor: "Executor") -> list[str]:
    """Runs with progress bars where somebody watches; what is worth telling of the studies. A
    replay that has ended already is not run again.
    """
    from haqa_bench.plugins import quiet
    from haqa_bench.project import write_lock
    from haqa_bench.run import complete
    from haqa_bench.store import failures

    if plan.replays and complete.is_complete(target):
        write_lock(target, plan.suite)  # it is the latest run now, and labels may be new
        return _otherwise(plan, target)
    with quiet():
        notes = _run(plan, target, executor)
    if not failures.read(target):
        complete.mark(target)
    return notes + _otherwise(plan, target)


def _otherwise(plan: "Plan", target: Path) -> list[str]:
    """What was proposed otherwise than recorded."""
    from haqa_bench.project import open_run
    from haqa_bench.run import proposals

    with open_run(target) as done:
        return proposals.differences(plan, done)


def _run(plan: "Plan", target: Path, executor: "Executor") -> list[str]:
    from haqa_bench.run.runner import Pairing
    from haqa_bench.run.runner import run as run_plan

    notes = []
    with bar() as progress:
        studies = progress.add_task("studies", total=len(plan.studies))
        trials = progress.add_task("trials")
        for event in run_plan(plan, target, executor):
            if isinstance(event, Pairing):
                words = f"{event.cell.id}: confirmed"
                progress.update(trials, completed=0, total=event.left, description=words)
            elif event.trial is None:
                progress.advance(studies)
                notes += [f"{event.study.id}: {event.note}"] if event.note else []
            else:
                total, done = event.study.cell.budget.proposals, event.trial.number + 1
                progress.update(trials, completed=done, total=total, description=event.study.id)
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
