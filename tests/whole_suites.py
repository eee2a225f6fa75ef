"""The committed suites, each replayed once for all tests and all workers of a session."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from command import InProcess
from filelock import FileLock
from support import REPOSITORY

NAMES = tuple(sorted(path.stem for path in (REPOSITORY / "suites").glob("*.yaml")))


class Replayed(NamedTuple):
    """A replayed suite: its run's folder, and what the command printed."""

    folder: Path
    stdout: str

    def table(self, name: str) -> dict:
        """A table, such as `table2`, as JSON."""
        done = InProcess()(
            "report", self.folder, "--project", REPOSITORY, "--table", name, "--format", "json"
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class WholeSuites:
    """`whole_suites("llama")` is `haqa-bench run suites/llama.yaml`, in a process of its own."""

    def __init__(self, shared: Path) -> None:
        self._shared = shared
        shared.mkdir(exist_ok=True)

    def __call__(self, name: str) -> Replayed:
        printed = self._shared / f"{name}.stdout"
        with FileLock(self._shared / f"{name}.lock"):
            if not printed.exists():
                printed.write_text(self._replay(name), "utf-8")
        (folder,) = (self._shared / "runs" / name).iterdir()
        return Replayed(folder, printed.read_text("utf-8"))

    def _replay(self, name: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "haqa_bench", "run", f"suites/{name}.yaml"],
            cwd=REPOSITORY,
            env={**os.environ, "HAQA_BENCH_RUNS": str(self._shared / "runs"), "COLUMNS": "100"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
