"""A device that is reached over ssh or adb: files are put there, and commands run there with a time
and a memory limit.

A profile's `target` names it, with a folder on it that holds llama.cpp's own programs and may be
written to: `ssh://USER@HOST:PORT/FOLDER` or `adb://SERIAL/FOLDER`. Only the programs `ssh` and
`adb` of this machine are used, with the keys and known hosts that they have; no password is asked
for.
"""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.backends.process import failure_of, last_line, timeout_of
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.hardware import TARGET

SSH_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20")
UNREACHABLE = 255
"""ssh's exit code where it, and not the command, failed; adb ends with 1 and says `error: device`.
"""
TIMED_OUT = 124
PUT_TIMEOUT_S = 3600.0
SLACK_S = 30.0
"""How much longer this side waits than the target's own time limit."""


class Target(NamedTuple):
    """Where commands run. `address` is USER@HOST, or a serial number; `port` is ssh's."""

    kind: str
    address: str
    port: int
    folder: str

    def run(self, command: Sequence[str], timeout_s: float, memory_bytes: int = 0) -> str:
        """What the command writes to stdout.

        Raises:
            EvaluationFailed: it timed out, crashed, was killed, or ran out of memory.
            HaqaError: the target cannot be reached.
        """
        line = self.line(command, timeout_s, memory_bytes)
        try:
            done = subprocess.run(
                self.remote(line),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s + SLACK_S,
            )
        except subprocess.TimeoutExpired:
            raise timeout_of(timeout_s) from None
        except FileNotFoundError:
            raise HaqaError(
                self.kind, "is not installed here", f"Install it, to reach {self.address}"
            ) from None
        if self._unreachable(done):
            raise HaqaError(
                f"{self.kind}://{self.address}",
                last_line(done.stderr),
                "Check that it is on, and that no password is asked for",
            )
        if done.returncode == TIMED_OUT:
            raise timeout_of(timeout_s)
        if done.returncode != 0:
            raise failure_of(_signal(done.returncode), done.stderr or done.stdout)
        return done.stdout

    def put(self, file: Path, name: str) -> str:
        """The path there of a copy of `file` as `name`, made where there is none of its size.

        Raises:
            HaqaError: the target cannot be reached, or has no room.
        """
        target, size = f"{self.folder}/models/{name}", str(file.stat().st_size)
        try:
            self.run(["mkdir", "-p", f"{self.folder}/models"], SLACK_S)
            found = self.run(
                ["sh", "-c", f"wc -c < {shlex.quote(target)} 2>/dev/null || true"], SLACK_S
            ).strip()
        except EvaluationFailed as failure:
            raise HaqaError(
                f"{self.kind}://{self.address}{self.folder}",
                failure.reason,
                "Name a folder that may be written to",
            ) from None
        if found != size:
            self._copy(file, target)
        return target

    def _copy(self, file: Path, target: str) -> None:
        where = f"{self.kind}://{self.address}{target}"
        try:
            with file.open("rb") as source:
                done = subprocess.run(
                    self.copy(file, target),
                    stdin=source,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=PUT_TIMEOUT_S,
                )
        except subprocess.TimeoutExpired:
            raise HaqaError(
                where,
                f"was not copied within {PUT_TIMEOUT_S:g} s",
                "Copy it there by hand, or over a faster line",
            ) from None
        if done.returncode != 0:
            raise HaqaError(where, last_line(done.stderr), "Is there room for it?")

    def line(self, command: Sequence[str], timeout_s: float, memory_bytes: int = 0) -> str:
        """The command with its limits, for a shell there."""
        limit = f"ulimit -d {memory_bytes // 1024} && " if memory_bytes else ""
        return (
            f"cd {shlex.quote(self.folder)} && {limit}timeout {timeout_s:g} {shlex.join(command)}"
        )

    def remote(self, line: str) -> list[str]:
        """The command of this machine that runs a line of shell there."""
        if self.kind == "adb":
            return ["adb", "-s", self.address, "shell", line]
        return ["ssh", *SSH_OPTIONS, "-p", str(self.port), self.address, line]

    def copy(self, file: Path, target: str) -> list[str]:
        """The command of this machine that copies a file there; ssh's reads it from stdin, since
        not every sshd has sftp.
        """
        if self.kind == "adb":
            return ["adb", "-s", self.address, "push", str(file), target]
        return self.remote(f"cat > {shlex.quote(target)}")

    def _unreachable(self, done: "subprocess.CompletedProcess[str]") -> bool:
        if self.kind == "ssh":
            return done.returncode == UNREACHABLE
        return done.returncode != 0 and done.stderr.startswith(
            ("error: device", "adb: ", "error: no devices")
        )


def parse(text: str) -> Target:
    """The target that a profile names, in a form that Hardware has seen to."""
    found = TARGET.match(text)
    assert found is not None
    kind, address, port, folder = found.groups()
    if kind == "adb" and port:  # a device over the network: its port is part of its serial number
        address, port = f"{address}:{port}", None
    return Target(kind, address, int(port or 22), folder.rstrip("/"))


def _signal(code: int) -> int:
    """A shell's exit code as subprocess gives it: negative where a signal ended the command."""
    return 128 - code if 128 < code < 160 else code
