"""What a command is to whoever types it: -h is --help, its help ends with examples, and a word that
names no command is told the nearest.

    @click.command(cls=Command, examples=["haqa-bench runs", "haqa-bench runs --json"])
    @click.group(cls=Group, examples=["haqa-bench suite list"])

The commands of a Group are Commands: `@suite.command(examples=[...])`. tests/test_commands.py holds
every example against the command that it is one of.
"""

from collections.abc import Sequence
from typing import Any

import click

from haqa_bench.cli import sections
from haqa_bench.errors import nearest

HELP = ["-h", "--help"]


class Command(click.Command):
    """A command whose help ends with `examples`, lines that can be pasted."""

    def __init__(self, *given: Any, examples: Sequence[str] = (), **named: Any) -> None:
        super().__init__(*given, **named)
        self.examples = tuple(examples)

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Those that mean no other option of the command."""
        taken = {name for param in self.params for name in param.opts}
        return [name for name in HELP if name not in taken]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options; where there are many, in sections."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        if len(options) <= sections.MOST:
            super().format_options(ctx, formatter)
            return
        for title, there in sections.ordered(options).items():
            records = [record for option in there if (record := option.get_help_record(ctx))]
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, each on a line of its own: a broken one could not be pasted."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(Command, click.Group):
    """A command of commands. Called alone it is help on stderr and exit code 2, with every version
    of click: a script that lost its command must notice.
    """

    command_class = Command
    group_class = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words that are left for the command."""
        if not args and not ctx.resilient_parsing:
            raise NothingSaid(ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names, and the words that are left for it.

        Raises:
            click.UsageError: there is none; says the nearest, or all that there are.
        """
        word = args[0]
        if ctx.resilient_parsing or word.startswith("-"):
            return super().resolve_command(ctx, args)
        if found := self.get_command(ctx, word):
            return word, found, args[1:]
        near = nearest(word, self.list_commands(ctx))
        raise click.UsageError(f"No such command '{word}'. {near}", ctx)


class NothingSaid(click.UsageError):
    """A group was called without a command: its help is what to tell."""

    def __init__(self, ctx: click.Context) -> None:
        super().__init__(ctx.get_help(), ctx)
