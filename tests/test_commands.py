"""What every command has in common: -h, examples that are commands, and nearest names."""

import re
import shlex
import shutil
from collections.abc import Iterator

import click
import pytest

from haqa_bench.cli import COMMANDS, app, sections


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


CALLED = {name: one for name, one in EVERY.items() if not isinstance(one, click.Group)}
NO_JSON = {"haqa-bench relay": "its lines say what is asked while it serves"}
NO_PROJECT = {
    "haqa-bench init": "makes one",
    "haqa-bench tune": "makes one in --output",
    "haqa-bench new": "writes below --folder alone",
    "haqa-bench hardware detect": "reads this machine alone",
    "haqa-bench suite schema": "of any project",
    "haqa-bench cassette show": "reads one file",
    "haqa-bench plugin list": "reads what is installed",
    "haqa-bench relay": "reads its folder alone",
}


def options_of(command: click.Command) -> list[str]:
    shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    return [name for param in shown for name in param.opts]


@pytest.mark.parametrize("name", CALLED)
def test_every_command_has_json_and_project_or_says_why_not(name):
    options = options_of(CALLED[name])

    assert ("--json" in options) != (name in NO_JSON)
    assert ("--project" in options) != (name in NO_PROJECT)


def test_every_command_that_takes_runs_says_where_they_are():
    takes = [
        name
        for name, command in CALLED.items()
        if {"run_folder", "run_folders", "runs", "then"} & {param.name for param in command.params}
    ]

    assert len(takes) >= 7
    assert [name for name in takes if "--runs" not in options_of(CALLED[name])] == []


def test_many_options_stand_in_sections_each_option_once(cli):
    many = [name for name, one in CALLED.items() if len(options_of(one)) > sections.MOST + 2]
    assert "haqa-bench run" in many
    for name in many:
        told = cli(*name.split()[1:], "--help").stdout
        assert "\nWhat to run:\n" in told
        assert "\nOptions:\n" not in told
        for option in options_of(CALLED[name]):
            assert re.search(rf"^  (-\w, )?.*{option}\b", told, re.M), option
        rest = told.partition(f"\n{sections.REST}:\n")[2].partition("\nExamples:")[0]
        assert [line.split()[:2] for line in rest.splitlines() if line] == [["-h,", "--help"]], name


@pytest.mark.parametrize("width", ["40", "200"])
@pytest.mark.parametrize("name", EVERY)
def test_help_is_readable_at_any_width(cli, name, width):
    done = cli(*name.split()[1:], "--help", COLUMNS=width)

    before = done.stdout.partition("\nExamples:")[0]
    assert done.returncode == 0
    assert max(map(len, before.splitlines())) <= max(int(width), 60)


def test_what_to_do_about_a_fault_can_be_pasted(house, cli, monkeypatch, tmp_path):
    folder = tmp_path / "my runs" / "small" / "cassette-recorded-x"
    shutil.copytree(next((house / "runs/small").iterdir()), folder)
    (folder / "trials.duckdb").unlink()

    told = cli("report", folder, "--project", house).stderr.partition("Build it with: haqa-bench ")[
        2
    ]

    assert cli(*shlex.split(told)).returncode == 0
    assert cli("report", folder, "--project", house).returncode == 0
