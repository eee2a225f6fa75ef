"""Progress: plain lines where nobody watches, never on stdout."""

import json
import os
import re
import subprocess
import sys

from haqa_bench.cli.lines import Lines


class Clock:
    def __init__(self):
        self.now, self.said = 100.0, []

    def lines(self) -> Lines:
        return Lines(self.said.append, lambda: self.now)

    def after(self, seconds: float, lines: Lines) -> list[str]:
        """What is said in the next seconds, as the thread would find it."""
        before = len(self.said)
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            lines.tick()
        return self.said[before:]


def test_nothing_is_said_of_a_command_that_ends_at_once():
    clock = Clock()
    lines = clock.lines()
    lines.add_task("studies", 3)

    assert clock.after(1.5, lines) == []


def test_lines_come_by_time_with_what_runs_and_how_long_the_rest_takes():
    clock = Clock()
    lines = clock.lines()
    studies, trials = lines.add_task("studies", 4), lines.add_task("trials")

    assert clock.after(3, lines) == ["studies: 0 of 4; trials"]
    lines.advance(studies)
    lines.update(trials, completed=2, total=10, description="a/b/seed1")
    (line,) = clock.after(9, lines)
    assert line == "studies: 1 of 4, about 36 s left; a/b/seed1: 2 of 10, about 36 s left"


def test_a_log_is_not_flooded():
    clock = Clock()
    lines = clock.lines()
    task = lines.add_task("measuring", 1000)
    said = []
    for _ in range(100):
        lines.advance(task)
        said += clock.after(1, lines)

    assert len(said) == 10


def test_what_takes_long_is_told_to_be_alive_once_a_minute():
    clock = Clock()
    lines = clock.lines()
    lines.add_task("trainings", 2)

    assert len(clock.after(3, lines)) == 1
    assert len(clock.after(180, lines)) == 3


def test_what_has_ended_is_told_no_more():
    clock = Clock()
    lines = clock.lines()
    first = lines.add_task("cell one", 1)
    lines.advance(first)
    lines.add_task("cell two", 1)

    assert clock.after(3, lines) == ["cell two: 0 of 1"]


SLOW = """
import sys, time
from haqa_bench.cli import lines, main
from haqa_bench.tracks.replayed import TableEvaluator
lines.FIRST_S = lines.EVERY_S = 0.2
measure = TableEvaluator.measure
TableEvaluator.measure = lambda *given: (time.sleep(0.15), measure(*given))[1]
sys.argv[1:] = {words}
main()
"""


def slowly(project, *words: str) -> subprocess.CompletedProcess:
    suite = str(project / "suites/small.yaml")
    code = SLOW.format(words=["run", suite, "--methods", "random", "--json", *words])
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "HAQA_BENCH_PROGRESS": ""},
    )


def test_a_run_tells_its_progress_in_lines_on_stderr_alone(project):
    done = slowly(project)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"]
    assert re.search(
        r"^studies: \d of 2\b.*small/net-int4-.*/random/seed\d: \d of 5", done.stderr, re.M
    )
    assert "\x1b" not in done.stderr


def test_quiet_tells_none(project):
    done = slowly(project, "-q")

    assert (done.returncode, done.stderr) == (0, "")
