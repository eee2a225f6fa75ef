"""What every command has in common: -h, examples that are commands, and nearest names."""

import shlex
from collections.abc import Iterator

import click
import pytest

from haqa_bench.cli import COMMANDS, app


def walked(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            sub = command.get_command(click.Context(command), name)
            yield from walked(sub, (*path, name))


EVERY = dict(walked(app, ("haqa-bench",)))


def parsed(line: str) -> str:
    """Reads a line as the program would, without running it; the command's whole name."""
    first, *words = shlex.split(line.partition(" > ")[0], comments=True)
    context, command, path = None, app, [first]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        context = click.Context(command, context, path[-1])
        name, command, words = command.resolve_command(context, words)
        path.append(name)
    if "--help" not in words:
        command.make_context(path[-1], words, context).close()
    return " ".join(path)


@pytest.mark.parametrize("name", EVERY)
def test_every_command_ends_its_help_with_examples_of_itself(cli, monkeypatch, name):
    monkeypatch.setenv("HAQA_BENCH_DATA", "")  # put back afterwards: --data-dir sets it
    told = cli(*name.split()[1:], "--help").stdout

    _, _, examples = told.partition("\nExamples:\n")
    lines = examples.splitlines()
    assert 1 <= len(lines) <= 4
    assert all(line.startswith(f"  {name} ") or line == f"  {name}" for line in lines), lines
    assert all(parsed(line.strip()).startswith(name) for line in lines)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", EVERY)
def test_h_is_help(cli, name):
    words = name.split()[1:]

    short = cli(*words, "-h")

    assert short.returncode == 0
    assert short == cli(*words, "--help")
    assert "  -h, --help " in short.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rnu", "haqa-bench: No such command 'rnu'. Did you mean 'run'? Help: haqa-bench --help"),
        ("zzz", f"haqa-bench: No such command 'zzz'. Known: {', '.join(COMMANDS)}"),
        (
            "suite vaildate",
            "haqa-bench suite: No such command 'vaildate'. Did you mean 'validate'?",
        ),
        ("run small --method x", "No such option '--method'. Did you mean '--methods'?"),
        ("run", "haqa-bench run: Missing argument 'SUITE'. Help: haqa-bench run --help"),
    ],
)
def test_a_word_that_is_none_is_told_in_one_line_with_the_nearest(cli, words, told):
    done = cli(*words.split())

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr


@pytest.mark.parametrize("words", [(), ("table",)], ids=["haqa-bench", "haqa-bench table"])
def test_a_group_alone_is_help_on_stderr_and_exit_code_2(cli, words):
    done = cli(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == cli(*words, "--help").stdout
