"""How the command ends: one line and a code; and what it prints, which steers no terminal."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from command import listening
from endpoint import Endpoint, reply
from support import REPOSITORY, action

from haqa_bench import cli as commands
from haqa_bench.cli import ending
from haqa_bench.cli.terminal import CONTROLS, echo, visible
from haqa_bench.errors import EvaluationFailed, HaqaError

COMMAND = (sys.executable, "-m", "haqa_bench")
ESCAPES = "\x1b]52;c;aGk=\x07 \x9b31m \u202eabc \u2066 \r \x7f \x00 \U000e0041 \ud83d"


def ends(error):
    def call():
        raise error

    return ending.code_of(call)


def duckdb_error():
    import duckdb

    return duckdb.IOException("cannot open\nmore")


def no_utf_8():
    return UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (HaqaError("a\nb", "c\nd", "e"), "a\\nb: c\\nd. e"),
        (FileNotFoundError(2, "No such file or directory", "x"), "x: No such file or directory."),
        (OSError(28, "No space left on device"), "a file or the output: No space left"),
        (IsADirectoryError(21, "Is a directory", b"caf\xe9"), "caf\\udce9: Is a directory"),
        (duckdb_error(), "the run's database: cannot open. Rebuild it"),
        (EvaluationFailed("oom", "no room"), "what was to be measured: failed: oom: no room"),
        (MemoryError(), "memory: there is not enough of it"),
        (RecursionError("deep"), "is nested too deeply"),
        (no_utf_8(), "a text or a name: is not UTF-8"),
        (RuntimeError("Symlink loop from '/a'"), "/a: is a link that leads to itself"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_fault_that_reaches_the_top_is_one_line(capsys, monkeypatch, error, line):
    monkeypatch.delenv(ending.DEBUG, raising=False)

    assert ends(error) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.startswith("haqa-bench: ")
    assert len(said.splitlines()) == 1


def test_a_bug_keeps_its_traceback_and_is_called_one(capsys):
    with pytest.raises(ZeroDivisionError):
        ends(ZeroDivisionError())
    assert "this is a bug" in capsys.readouterr().err


def test_a_traceback_is_there_for_who_asks(monkeypatch):
    monkeypatch.setenv(ending.DEBUG, "1")

    with pytest.raises(FileNotFoundError):
        ends(FileNotFoundError(2, "No such file", "x"))


def test_what_was_stopped_says_how_it_goes_on(capsys):
    assert ends(click.exceptions.Abort()) == 130
    assert capsys.readouterr().err == "haqa-bench: stopped; the same command goes on\n"


def test_a_command_that_is_interrupted_ends_with_130(tmp_path):
    code = (
        "import os, signal, sys, haqa_bench.cli as c, click\n"
        "@c.app.command('wait')\n"
        "def wait(): os.kill(os.getpid(), signal.SIGINT)\n"
        "c.COMMANDS['wait'] = ('__main__:wait', '')\n"
        "sys.argv = ['haqa-bench', 'wait']; c.main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=listening
    )

    assert done.returncode == 130
    assert done.stderr.strip() == "haqa-bench: stopped; the same command goes on"


def test_a_full_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        silent = subprocess.run([*COMMAND, "run", "nowhere"], stderr=full, cwd=REPOSITORY)

    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert silent.returncode == 2


def test_a_reader_who_has_read_enough_is_no_fault():
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [*COMMAND, "suite", "schema"], stdout=writing, stderr=subprocess.PIPE, cwd=REPOSITORY
    )
    os.close(writing)

    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == b""


def test_controls_are_shown_and_layout_stays():
    shown = visible(ESCAPES + "\t\n é 漢 🙂")

    assert not CONTROLS.search(shown)
    assert shown.startswith("\\u001b]52;c;aGk=\\u0007 \\u009b31m \\u202eabc")
    assert shown.endswith("\t\n é 漢 🙂")


def test_printed_json_means_what_it_meant(capsys):
    echo(json.dumps({"a": "\x9b \u202e \U000e0041 \u2028"}, ensure_ascii=False))

    assert json.loads(capsys.readouterr().out) == {"a": "\x9b \u202e \U000e0041 \u2028"}


def test_every_command_prints_through_the_same_door():
    for path in Path(commands.__file__).parent.glob("*.py"):
        if path.stem != "terminal":
            assert not re.search(r"click\.(echo|secho)\(|[^_]print\(", path.read_text()), path


def test_what_a_model_or_a_card_says_steers_no_terminal(project, cli):
    words = action("Q4_0", 1, thought="\x1b]0;owned\x07 \u202e") + "\x1b]52;c;aGk=\x07"
    suite = project / "suites/small.yaml"
    live = ("--agent", "live", "--methods", "haqa", "--seed", 0)
    with Endpoint([reply(words)]) as endpoint:
        made = cli(
            *("run", suite, *live, "--base-url", endpoint.base_url),
            *("--answered-by", "me\x1b]0;owned\x07"),
        )
    tape = next((project / "cassettes").rglob("*.jsonl"))
    run = next((project / "results/runs/small").iterdir())
    asked = [("cassette", "list", tape), ("cassette", "show", tape), ("report", run, "--wide")]
    asked += [("explain", run, "F5:Net/INT4/haqa"), ("suite", "show", f"{suite}\x1b[31m")]

    said = [made, *(cli(*words) for words in asked)]

    for done in said:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr)
    assert "\\u001b]52;c;aGk=" in said[2].stdout
