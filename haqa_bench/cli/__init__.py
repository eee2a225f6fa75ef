"""The command line. Nothing is imported for a command before it is called, so that help is quick
and a replay stays light.
"""

import importlib
import sys
from typing import Any

import click

from haqa_bench import __version__
from haqa_bench.cli.command import Group
from haqa_bench.cli.ending import Unread, code_of
from haqa_bench.cli.signals import ended_in_order
from haqa_bench.cli.terminal import echo

COMMANDS = {
    "init": ("haqa_bench.cli.init:init", "Begin a project of your own, with a first suite."),
    "run": (
        "haqa_bench.cli.run:run",
        "Run a suite's studies, or replay them, and print its table.",
    ),
    "runs": ("haqa_bench.cli.runs:runs", "List the runs that there are."),
    "report": (
        "haqa_bench.cli.report:report",
        "Print or write the tables, figures or page of runs and suites.",
    ),
    "view": (
        "haqa_bench.cli.page:view",
        "Explore runs in the browser: tables, curves, every round of every study.",
    ),
    "explain": (
        "haqa_bench.cli.explain:explain",
        "Trace a printed number back to its trials, samples and cassette lines.",
    ),
    "diff": (
        "haqa_bench.cli.diff:diff",
        "Compare two runs, or a suite at two commits: what changed, beyond noise or not.",
    ),
    "compare": ("haqa_bench.cli.compare:compare", "Compare the methods of a run, with statistics."),
    "fork": (
        "haqa_bench.cli.fork:fork",
        "Let another LLM go on with a recorded study from a round on, and compare the two.",
    ),
    "confirm": (
        "haqa_bench.cli.confirm:confirm",
        "Measure a run's winners again: in pairs with the default, or trained anew and tested.",
    ),
    "published": (
        "haqa_bench.cli.published:published",
        "Print what the paper published, in its own layout, or check its arithmetic.",
    ),
    "tabulate": ("haqa_bench.cli.tabulate:tabulate", "Measure whole cells into response tables."),
    "bundle": (
        "haqa_bench.cli.bundle:bundle",
        "Pack suites and all that measures them for a machine without network.",
    ),
    "table": ("haqa_bench.cli.table:table", "Show, export, import and judge response tables."),
    "trials": (
        "haqa_bench.cli.trials:trials",
        "Show recorded trials, and the sources that agents wrote.",
    ),
    "contribute": (
        "haqa_bench.cli.contribute:contribute",
        "Pack what a run measured on this machine, for a project to take in.",
    ),
    "tune": (
        "haqa_bench.cli.tune:tune",
        "Find the best bit-width and llama.cpp settings for a model on this machine.",
    ),
    "memory": (
        "haqa_bench.cli.memory:memory",
        "Predict what a model takes in several formats, without loading it.",
    ),
    "kernel": (
        "haqa_bench.cli.kernel:kernel",
        "Check and time a kernel of one's own, in a sandbox, beside the one that comes with it.",
    ),
    "synthesize": (
        "haqa_bench.cli.synthesize:synthesize",
        "Write a model of random weights as a GGUF file: as fast and large as its model.",
    ),
    "pretrain": (
        "haqa_bench.cli.pretrain:pretrain",
        "Train a ResNet at full precision once, for cells to fine-tune.",
    ),
    "merge": (
        "haqa_bench.cli.merge:merge",
        "Fine-tune once, and write the model as a GGUF file for the deploy track.",
    ),
    "suite": ("haqa_bench.cli.suite:suite", "List, check and show suite files."),
    "hardware": ("haqa_bench.cli.hardware:hardware", "List, show and detect hardware profiles."),
    "relay": (
        "haqa_bench.cli.relay:relay",
        "Let any chat assistant or person answer as the LLM, over a folder.",
    ),
    "cassette": (
        "haqa_bench.cli.cassette:cassette",
        "List, show and check recorded LLM exchanges.",
    ),
    "plugin": ("haqa_bench.cli.plugin:plugin", "List and check plug-ins."),
    "new": (
        "haqa_bench.cli.new:new",
        "Write a method, an agent, a track or a suite to start from.",
    ),
    "check": (
        "haqa_bench.cli.check:check",
        "Say whether all that the project has recorded is sound.",
    ),
    "doctor": (
        "haqa_bench.cli.doctor:doctor",
        "Say what is installed, what is missing for which track, and what a bug report needs.",
    ),
    "db": ("haqa_bench.cli.db:db", "Rebuild a run's database."),
}


RENAMED = {"verify": "confirm"}
"""Commands by the names of the version before; they work for one version more."""


class LazyGroup(Group):
    """A group whose commands are imported when called; their one-line helps stand in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as they stand in COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name in RENAMED:
            note = f"haqa-bench {cmd_name} is called haqa-bench {RENAMED[cmd_name]} now."
            echo(note, err=True)
        cmd_name = RENAMED.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Calls the command; click would end with 1 where the reader of the output went away."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise Unread from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name and help of each, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    examples=[
        "haqa-bench run llama",
        "haqa-bench report llama --table 4",
        "haqa-bench explain llama F5:SmolLM2-135M/INT4/haqa/speed-up",
        "haqa-bench run --help",
    ],
)
@click.version_option(__version__, prog_name="haqa-bench")
def app() -> None:
    """Benchmark LLM agents that tune quantization and deployment: offline, reproducible, with
    replay.
    """


def main() -> None:
    """The `haqa-bench` command. A fault that the user can mend is one clear line on stderr and exit
    code 2 (haqa_bench.cli.ending).
    """
    with ended_in_order():
        sys.exit(code_of(lambda: app.main(prog_name="haqa-bench", standalone_mode=False)))
