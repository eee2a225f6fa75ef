"""The committed suites, each replayed once for all tests and all workers of a session."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from command import InProcess
from filelock import FileLock
from support import REPOSITORY

from haqa_bench.run import proposals
from haqa_bench.run.versions import computed_with

NAMES = tuple(sorted(path.stem for path in (REPOSITORY / "suites").glob("*.yaml")))


FOLLOWS_THE_PROCESSOR = "gp"
"""The method whose proposals hang on the last bits of a fit, and so on what the BLAS computes for
(docs/comparison.md): on another processor than the recorded one its numbers are told, not the same.
"""


def on_another_processor(name: str) -> bool:
    """Whether the BLAS here computes for another processor than where the proposals of a suite were
    recorded.
    """
    path = REPOSITORY / f"results/proposals/{name}.jsonl"
    records = proposals.read(path) if path.is_file() else []
    recorded = {told for one in records for told in _processors(one.versions)}
    return not recorded <= _processors(computed_with({"numpy"}))


def _processors(versions: Mapping[str, str]) -> set[str]:
    """What is computed for: `SkylakeX` of `0.3.31 for SkylakeX`."""
    return {told.partition(" for ")[2] for told in versions.values() if " for " in told}


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
