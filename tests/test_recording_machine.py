"""Whatever is recorded, cut, resumed, begun anew, deleted and replayed, in any order: a finished
recording is never lost, never taken from half of one, and replays to what it was recorded as.

HYPOTHESIS_PROFILE=long pytest tests/test_recording_machine.py tries many more orders.
"""

import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from command import Done, InProcess
from endpoint import Endpoint, reply
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support import ANSWERS, SUITE, rows, small_project

from haqa_bench import suite
from haqa_bench.llm import cassette
from haqa_bench.store import tables

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
TWO_CELLS = (
    SUITE.replace("bit_widths: [INT4]", "bit_widths: [INT4, INT8]")
    .replace("seeds: [0, 1]", "seeds: [0]")
    .replace("proposals: 5", "proposals: 3")
)
SELECTIONS = st.sampled_from([("*int4*", "haqa"), ("*int4*", "haqa,random"), ("*", "haqa,default")])
"""Runs of their own, which record the same study."""
SELDOM = st.sampled_from([False, False, False, True])
REFUSALS = ("is the unfinished recording of the run", "exchanges, and the new recording")
"""Why recording may be refused: another run has begun it, or it would be shorter."""


class Known(NamedTuple):
    """A finished recording, and the journal of the study that it recorded."""

    exchanges: int
    data: bytes
    journal: bytes


class Recordings(RuleBasedStateMachine):
    """A project in which people record, and an endpoint that gives another answer each time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = small_project(Path(tempfile.mkdtemp()), TWO_CELLS)
        loaded = suite.load(self.folder / "suites/small.yaml", self.folder)
        for cell in loaded.cells:
            card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
            path = self.folder / "results/tables/deploy" / f"{cell.id}.parquet"
            tables.write(path, card, rows(cell))
        self.cells = [cell.id for cell in loaded.cells]
        self.known: dict[str, Known] = {}
        answers = map(reply, itertools.cycle(ANSWERS))
        self.endpoint = Endpoint([lambda *asked: next(answers)(*asked)])
        self.endpoint.__enter__()

    def teardown(self) -> None:
        self.endpoint.__exit__()
        shutil.rmtree(self.folder)

    @initialize(chosen=SELECTIONS)
    def record_at_first(self, chosen: tuple[str, str]) -> None:
        self.record(chosen, fresh=False)

    @rule(chosen=SELECTIONS, fresh=SELDOM)
    def record(self, chosen: tuple[str, str], fresh: bool) -> None:
        """Also resumes what was cut."""
        done = self.run(chosen, *self.live(fresh))

        self.look(fresh)
        if done.returncode:
            assert done.returncode == 2
            assert not fresh
            assert any(reason in done.stderr for reason in REFUSALS), done.stderr

    @rule(chosen=SELECTIONS, fresh=SELDOM, writes=st.integers(1, 30))
    def record_and_be_killed(self, chosen: tuple[str, str], fresh: bool, writes: int) -> None:
        child = os.fork()
        if child == 0:
            with mock.patch.object(os, "fsync", killing(writes)):
                self.run(chosen, *self.live(fresh))
            os._exit(0)
        os.waitpid(child, 0)

        self.look(fresh)

    @rule(chosen=SELECTIONS, fresh=SELDOM)
    def replay(self, chosen: tuple[str, str], fresh: bool) -> None:
        asked = [cell for cell in self.cells if chosen[0].strip("*") in cell]

        done = self.run(chosen, *(["--fresh"] if fresh else []))

        assert done.returncode == (0 if self.known.keys() >= set(asked) else 2), done.stderr
        for cell in asked if done.returncode == 0 else []:
            latest = max(self.runs("cassette-"), key=lambda path: path.stat().st_mtime_ns)
            assert self.journal(latest, cell) == self.known[cell].journal
        self.look(fresh=False)

    @rule(number=st.integers(0, 5))
    def delete_a_run(self, number: int) -> None:
        for folder in self.runs("")[number : number + 1]:
            shutil.rmtree(folder)

    @invariant()
    def every_recording_is_whole(self) -> None:
        for path in self.folder.glob("cassettes/**/*.jsonl"):
            assert cassette.read(path).exchanges

    def look(self, fresh: bool) -> None:
        """Takes note of what a command recorded, which lost nothing."""
        for cell in self.cells:
            path = self.folder / "cassettes/small" / cell / "haqa-s0.jsonl"
            before = self.known.get(cell)
            if not path.is_file():
                assert before is None
            elif before is None or path.read_bytes() != before.data:
                read = cassette.read(path)
                assert fresh or before is None or len(read.exchanges) >= before.exchanges
                run = self.folder / "results/runs/small" / str(read.card["run"])
                journal = self.journal(run, cell)
                self.known[cell] = Known(len(read.exchanges), path.read_bytes(), journal)

    def run(self, chosen: tuple[str, str], *options: str) -> Done:
        """Runs a selection: its exit code is 0 or 2; anything else is raised here."""
        cells, methods = chosen
        path, runs = self.folder / "suites/small.yaml", self.folder / "results/runs"
        place = ("--cells", cells, "--methods", methods, "--runs", runs)
        return InProcess()("run", path, *place, *options)

    def live(self, fresh: bool) -> list[str]:
        options = ["--agent", "live", "--base-url", self.endpoint.base_url]
        return [*options, "--answered-by", "a script", *(["--fresh"] if fresh else [])]

    def runs(self, kind: str) -> list[Path]:
        return sorted(self.folder.glob(f"results/runs/small/{kind}*"))

    def journal(self, run: Path, cell: str) -> bytes:
        return (run / "journal" / cell / "haqa-s0.jsonl").read_bytes()


def killing(writes: int):
    """`os.fsync`, which kills its process at the `writes`-th call."""
    flush, counter = os.fsync, itertools.count(1)

    def counted(handle: int) -> None:
        if next(counter) == writes:
            os.kill(os.getpid(), signal.SIGKILL)
        flush(handle)

    return counted


TestRecordings = Recordings.TestCase
TestRecordings.settings = settings(
    max_examples=200 if LONG else 5,
    stateful_step_count=30 if LONG else 8,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
)
