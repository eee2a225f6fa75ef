"""Trials of what haqa-bench promises when it is killed, when the system fails, and when what is
recorded is damaged (docs/reliability.md).

    python benchmarks/reliability kills 500 --jobs 2
    python benchmarks/reliability faults 200
    python benchmarks/reliability flips 1000

Each prints a table and a line of JSON, and ends with 1 where a promise was broken. A trial that was
stopped goes on with the same command; its rounds are in FOLDER/NAME-SEED.jsonl.
"""

import functools
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import faults
import flips
import kills
import places
from answers import answering
from tally import Log, Round, figures, shared, table

BROKEN = ("lost", "differ", "failed", "traceback", "number changed", "processes left")
"""What must not be."""
FOLDER = Path(tempfile.gettempdir()) / "haqa-bench-reliability"


@click.group()
def trials() -> None:
    """Kill, fault and flip."""


def trial(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A trial, with the options of all."""
    return lambda command: trials.command(name)(_with_options(command))


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.argument("rounds", type=click.IntRange(1)),
        click.option("--seed", default=0, show_default=True),
        click.option("--jobs", type=click.IntRange(1, 2), default=1, show_default=True),
        click.option("--folder", type=click.Path(path_type=Path), default=FOLDER),
        click.option("--only", default="*", help="Scenarios of kills and faults by name."),
        click.option(
            "--into",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A page whose table of this trial, between two marks, is to be this one.",
        ),
        click.option("--fresh", is_flag=True, help="Forget the rounds that there are."),
    ):
        command = option(command)
    return command


def _done(
    name: str,
    rounds: int,
    seed: int,
    jobs: int,
    folder: Path,
    fresh: bool,
    into: Path | None,
    work: Callable[[Path, Sequence[int], int, Log], None],
) -> None:
    log = Log(folder / f"{name}-{seed}.jsonl")
    if fresh:
        log.path.unlink(missing_ok=True)
    shared(log, rounds, jobs, lambda job, some: work(folder / f"{name}-{job}", some, seed, log))
    done = log.rounds()[:rounds]
    if into is not None:
        _fill(into, name, table(done) + f"\n\n`{figures(name, done)}`")
    _told(name, done)


def _fill(page: Path, name: str, text: str) -> None:
    """Puts a table between its marks."""
    before, begin, rest = page.read_text("utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not begin or not end:
        raise click.UsageError(f"{page} has no marks of {name}")
    page.write_text(f"{before}{begin}{text}\n{end}{after}", "utf-8")


def _told(name: str, rounds: Sequence[Round]) -> None:
    broken = [one for one in rounds if any(one.found.get(what) for what in BROKEN)]
    for one in rounds:
        if one.notes:
            click.echo(f"{one.number} {one.tried}: " + "\n    ".join(one.notes), err=True)
    click.echo(table(rounds))
    click.echo(figures(name, rounds))
    sys.exit(bool(broken))


@trial("kills")
def kill(rounds: int, only: str, **how) -> None:
    """Kill commands at ROUNDS random moments, and call them again."""
    with answering(places.cassettes_of(places.SELECTIONS)) as base_url:
        _done("kills", rounds, work=functools.partial(kills.tried, base_url, only), **how)


@trial("faults")
def fault(rounds: int, only: str, **how) -> None:
    """Let ROUNDS single writes fail."""
    with answering(places.cassettes_of(places.SELECTIONS)) as base_url:
        _done("faults", rounds, work=functools.partial(faults.tried, base_url, only), **how)


@trial("flips")
def flip(rounds: int, only: str, **how) -> None:
    """Flip ROUNDS single bits of what is recorded."""
    _done("flips", rounds, work=flips.tried, **how)


if __name__ == "__main__":
    trials()
