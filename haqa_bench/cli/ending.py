"""How the command ends: its exit code, and one line for whoever called it.

    0     done; what a command says of 1 stands in its help
    2     a fault that the user can mend: one line on stderr
    130   stopped with Ctrl-C
    141   the reader of the output went away, as `head` does; nothing is said

Anything else is a bug: it keeps its traceback, after a line that says so. DEBUG shows the traceback
of what was told in one line too.
"""

import os
import sys
from collections.abc import Callable

import click

from haqa_bench.cli.command import NothingSaid
from haqa_bench.cli.terminal import echo, full
from haqa_bench.errors import EvaluationFailed, HaqaError, nearest

DEBUG = "HAQA_BENCH_DEBUG"
"""The environment variable that asks for tracebacks."""
MENDED, STOPPED, UNREAD = 2, 130, 141
_TODO = f"If it is no fault of this machine, report it with what {DEBUG}=1 prints"


class Unread(Exception):
    """The reader of the output went away."""


def code_of(call: Callable[[], object]) -> int:
    """Calls a command; its exit code, after what is to be told."""
    try:
        code = call()
        if sys.stdout is not None:
            _flush()
    except click.exceptions.Abort:
        return _told("stopped; the same command goes on", STOPPED)
    except NothingSaid as error:
        return _told(error.message, error.exit_code, "")
    except click.UsageError as error:
        return _told(_misused(error), error.exit_code, "")
    except click.ClickException as error:
        return _told(error.format_message(), error.exit_code)
    except (Unread, BrokenPipeError):
        _forget_output()
        return UNREAD
    except Exception as error:
        fault = known(error)
        if fault is None:
            echo("haqa-bench: this is a bug: please report it with the lines below", err=True)
            raise
        if os.environ.get(DEBUG):
            raise
        return _told(str(fault), MENDED)
    return code if isinstance(code, int) else 0


def _misused(error: click.UsageError) -> str:
    """What is wrong with the words of a command, and where to read what it takes."""
    who = error.ctx.command_path if error.ctx else "haqa-bench"
    said = " ".join(error.format_message().split())
    if isinstance(error, click.NoSuchOption):
        known = [name for p in error.ctx.command.params for name in p.opts] if error.ctx else []
        said = f"{error.message.rstrip('.')}. {nearest(error.option_name, known)}"
    return f"{who}: {said}{'' if said.endswith(('.', '?')) else '.'} Help: {who} --help"


def known(error: Exception) -> HaqaError | None:
    """The fault that a user can mend, of what reached the top; None for a bug. Readers and writers
    say more themselves: this is the net below them.
    """
    duckdb = sys.modules.get("duckdb")
    if isinstance(error, HaqaError):
        return error
    if isinstance(error, EvaluationFailed):
        return HaqaError("what was to be measured", f"failed: {error}", _TODO)
    if isinstance(error, OSError):
        where = error.filename if error.filename is not None else "a file or the output"
        where = os.fsdecode(where) if isinstance(where, str | bytes) else str(where)
        return HaqaError(where, error.strerror or str(error), _TODO)
    if duckdb is not None and isinstance(error, duckdb.Error):
        todo = "Rebuild it with: haqa-bench db rebuild RUN"
        return HaqaError("the run's database", str(error).splitlines()[0], todo)
    if isinstance(error, MemoryError):
        return HaqaError("memory", "there is not enough of it", "Give it more, or a smaller input")
    if isinstance(error, RecursionError):
        return HaqaError("a value of the input", "is nested too deeply", _TODO)
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # of pathlib
        return HaqaError(str(error).partition("'")[2].rstrip("'"), "is a link that leads to itself")
    if isinstance(error, UnicodeError):
        return HaqaError("a text or a name", f"is not UTF-8: {error}".splitlines()[0], _TODO)
    return None


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget_output()
        raise full(error) from None


def _told(words: str, code: int, who: str = "haqa-bench: ") -> int:
    try:
        echo(f"{who}{words}", err=True)
    except (HaqaError, BrokenPipeError):
        _forget_output()  # nobody can be told
    _settle()
    return code


def _settle() -> None:
    """What of the output can no longer be written goes nowhere, else Python tells of it again at
    the exit, and makes another exit code of it.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        _forget_output()


def _forget_output() -> None:
    """What is left in Python's buffers goes nowhere, so that nothing is said of it at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError, AttributeError):
            continue  # closed, or no file: nothing is left in it
