"""The `haqa-bench` command as tests call it: in this process, which is quick, or in its own."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

from haqa_bench.cli import main


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    returncode: int


class InProcess:
    """Calls `main` itself, so that errors become words as they do for users."""

    def __call__(self, *arguments: object, **environment: str) -> Done:
        out, err, code = _stream(), _stream(), 0
        words = ["haqa-bench", *map(str, arguments)]
        with (
            mock.patch.dict(os.environ, environment),  # an option may set more, which is put back
            mock.patch.object(sys, "argv", words),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Done(_text(out), _text(err), code)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode("utf-8")


class Process:
    """Starts `python -m haqa_bench`."""

    def __call__(self, *arguments: object, **environment: str) -> Done:
        command = [sys.executable, "-m", "haqa_bench", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
        )
        return Done(done.stdout, done.stderr, done.returncode)


def listening() -> None:
    """Before a command: it hears Ctrl-C, which what runs in the background of a shell does not, and
    a terminal that closes, which what nohup started does not.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
