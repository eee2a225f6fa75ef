"""Tables that a plug-in's track failed to tell of: said on stderr, and by the exit code 3."""

import sys
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.terminal import echo

if TYPE_CHECKING:
    from haqa_bench.project import Run

KEY = "haqa_bench.left_out"
"""Where the command that goes on keeps what it is to end with."""


def note(run: "Run") -> None:
    """Keeps what was left out of a run's tables until the command ends."""
    click.get_current_context().meta.setdefault(KEY, []).extend(run.faults)


def end() -> None:
    """Ends with exit code 3 where something was left out, and says what."""
    told = click.get_current_context().meta.get(KEY, [])
    for line in dict.fromkeys(told):
        echo(f"haqa-bench: {line}", err=True)
    if told:
        sys.exit(3)
