"""This machine as a measuring device: one run at a time, since two disturb each other."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from haqa_bench.errors import HaqaError


@contextmanager
def exclusive(patience_s: float = 0.0) -> Iterator[None]:
    """Holds this machine for measuring; waits at most `patience_s` for another run of any user to
    end.

    Raises:
        HaqaError: another run measures here; names it.
    """
    folder = Path(tempfile.gettempdir())
    lock, holder = (
        FileLock(folder / "haqa-bench-device.lock", mode=0o666),
        folder / "haqa-bench-device.json",
    )
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        raise HaqaError(
            "this machine",
            f"is being measured by another run{_who(holder)}",
            "Wait for it, or end it",
        ) from None
    with lock:
        with suppress(OSError):  # another user's, whose run was killed: it only names the holder
            holder.unlink(missing_ok=True)
            holder.write_text(
                json.dumps({"pid": os.getpid(), "command": " ".join(sys.argv[1:3])}), "utf-8"
            )
        try:
            yield
        finally:
            with suppress(OSError):
                holder.unlink(missing_ok=True)


def threads() -> int:
    """How many threads a training may use: OMP_NUM_THREADS, or all cores."""
    return int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))


def _who(holder: Path) -> str:
    try:
        known = json.loads(holder.read_text("utf-8"))
    except (OSError, ValueError):  # it is just beginning or ending
        return ""
    return f" (process {known['pid']}: {known['command']})"
