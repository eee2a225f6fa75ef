"""`tabulate --minutes`: ends by itself, the most telling first, and goes on where it ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise

import pytest
from command import listening
from support import REPOSITORY, SUITE

from haqa_bench import suite
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.protocols import Outcome
from haqa_bench.run import limited
from haqa_bench.run import sweep as tabulate
from haqa_bench.run.limited import order, told
from haqa_bench.run.limited.clock import Clock, OutOfTime, ended_after
from haqa_bench.run.limited.order import Passes
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.tracks.deploy.track import DEPLOY
from haqa_bench.trial import Measurement, Source

ONCE = Passes(each=1, floor=1, seed=0)
TWO = SUITE.replace("[INT4]", "[INT4, INT8]")


class Time:
    """A clock that only measuring moves."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def clock(self, seconds):
        return Clock(seconds, lambda: self.now)


class Slow:
    """Takes seconds of that clock: `takes`, or what a format is said to take."""

    def __init__(self, cell, time, takes=10.0, **formats):
        self.cell, self.time, self.takes, self.formats = cell, time, takes, formats
        self.made_of = {}

    def sample(self, configuration, repeat):
        self.time.calls.append((self.cell.bit_width, key_of(configuration), repeat))
        seconds = self.formats.get(configuration["format"], self.takes)
        self.time.now += seconds
        if configuration["format"] == "IQ4_NL":
            raise EvaluationFailed(Status.TIMEOUT, "no result", seconds)
        speed = Measurement(
            name="end_to_end_tokens_per_s",
            value=1.0,
            unit="tokens/s",
            source=Source.MEASURED,
            samples=(100.0 + repeat,),
            used=1,
        )
        return Outcome((speed,), {}, seconds)


class Making(Slow):
    """Makes a file of each format, as a model's."""

    def needs(self, configuration):
        return f"{self.cell.model_name} {configuration['format']}"

    def make(self, configuration):
        self.time.now += 30.0
        self.time.calls.append(("made", self.needs(configuration)))

    def unmake(self, configuration):
        self.time.calls.append(("removed", self.needs(configuration)))


@pytest.fixture
def cells(project):
    (project / "suites/small.yaml").write_text(TWO)
    return suite.load(project / "suites/small.yaml", project).cells


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def opened(cells, clock, tmp_path):
    def open_all(kind=Slow, **how):
        return [
            tabulate.open_sweep(cell, tmp_path / f"{cell.id}.parquet", kind(cell, clock, **how))
            for cell in cells
        ]

    return open_all


def measured(time):
    return [call for call in time.calls if len(call) == 3]


def test_the_default_of_every_cell_comes_first_then_all_once_then_all_again(opened, clock):
    sweeps = opened()

    limited.within(sweeps, Passes(2, 1, 0), clock.clock(10_000), lambda: None)

    calls = measured(clock)
    default = key_of(sweeps[0].cell.space.default)
    assert calls[:2] == [("INT4", default, 0), ("INT8", default, 0)]
    assert [repeat for *_, repeat in calls] == 12 * [0] + 12 * [1]
    assert [bits for bits, *_ in calls] == 12 * ["INT4", "INT8"]
    assert len({(bits, key) for bits, key, _ in calls[:12]}) == 12


def test_nothing_is_started_that_cannot_end_in_time(opened, clock):
    sweeps = opened()

    limited.within(sweeps, ONCE, clock.clock(64), lambda: None)

    assert len(clock.calls) == 6  # six of ten seconds each; three seconds are kept back
    assert clock.now == 60.0


def test_what_fits_is_measured_where_what_comes_before_does_not(cells, clock, tmp_path):
    """A configuration that takes long is left out, and the shorter ones after it are not."""
    long, short = (
        tabulate.open_sweep(cell, tmp_path / f"{cell.id}.parquet", Slow(cell, clock, takes))
        for cell, takes in zip(cells, (40.0, 5.0), strict=True)
    )

    limited.within([long, short], ONCE, clock.clock(105), lambda: None)

    counts = Counter(bits for bits, *_ in clock.calls)
    assert counts == {"INT4": 2, "INT8": 3}


def test_the_first_is_always_tried_however_short_the_time(opened, clock):
    limited.within(opened(takes=0.01), ONCE, clock.clock(0.1), lambda: None)

    assert clock.calls


def test_the_same_command_goes_on_and_measures_nothing_twice(opened, clock, tmp_path):
    for seconds in (35, 35, 500):
        sweeps = opened()
        limited.within(sweeps, Passes(2, 1, 0), clock.clock(seconds), lambda: None)
        ended = limited.finish(sweeps, Passes(2, 1, 0), clock.clock(1))

    assert not ended.left
    assert Counter(clock.calls).most_common(1)[0][1] == 1
    assert len(clock.calls) == 24
    assert not list(tmp_path.glob("*.partial"))


def test_cells_that_are_whole_are_written_and_not_measured_again_beside_others(
    cells, clock, tmp_path
):
    def once(seconds):
        one, other = (
            tabulate.open_sweep(cell, tmp_path / f"{cell.id}.parquet", Slow(cell, clock, takes))
            for cell, takes in zip(cells, (1.0, 50.0), strict=True)
        )
        limited.within([one, other], ONCE, clock.clock(seconds), lambda: None)
        return limited.finish([one, other], ONCE, clock.clock(1))

    ended = once(130)
    first = len(clock.calls)
    again = once(120)

    assert ended.whole == [cells[0].id]
    tables.check(tables.read(tmp_path / f"{cells[0].id}.parquet"), cells[0])
    assert not (tmp_path / f"{cells[1].id}.parquet").exists()
    assert {bits for bits, *_ in clock.calls[first:]} == {"INT8"}
    assert [left.cell for left in again.left] == [cells[1].id]


def test_progress_counts_what_was_measured_before(opened, clock):
    limited.within(opened(), ONCE, clock.clock(35), lambda: None)
    done = []

    limited.within(opened(), ONCE, clock.clock(500), lambda: done.append(1))

    assert len(done) == 12


def test_a_default_repeated_as_floor_lies_between_all_others_and_is_told(opened, clock):
    sweeps = opened()

    limited.within(sweeps, Passes(2, 10, 0), clock.clock(10_000), lambda: None)
    ended = told.ending(sweeps, Passes(2, 10, 0), True, 0.0)

    default = key_of(sweeps[0].cell.space.default)
    own = [(key, repeat) for bits, key, repeat in clock.calls if bits == "INT4"]
    places = [place for place, (key, _) in enumerate(own) if key == default]
    assert sorted(repeat for key, repeat in own if key == default) == list(range(10))
    assert max(b - a for a, b in pairwise(places)) <= 3
    assert ended.floors[0][1:] == (10, "end_to_end_tokens_per_s", "tokens/s", 104.5, 100.0, 109.0)
    assert "10 passes of the default" in ended.words([])


def test_a_table_with_a_floor_holds_every_pass_of_the_default(opened, clock, cells, tmp_path):
    sweeps, passes = opened(), Passes(1, 7, 0)

    limited.within(sweeps, passes, clock.clock(10_000), lambda: None)
    limited.finish(sweeps, passes, clock.clock(1))

    table = tables.read(tmp_path / f"{cells[0].id}.parquet")
    tables.check(table, cells[0])
    entry = table.entries[key_of(cells[0].space.default)]
    assert len(entry.measurements[0].samples) == 7


def test_what_is_left_out_is_told_by_cell(opened, clock):
    sweeps = opened()
    limited.within(sweeps, Passes(2, 1, 0), clock.clock(75), lambda: None)

    ended = limited.finish(sweeps, Passes(2, 1, 0), clock.clock(1))

    first = json.loads(ended.as_json([]))["left_out"][0]
    assert first["configurations"] == 4
    assert (first["of"], first["passes"], first["wanted"]) == (6, 0, 2)
    assert first["measurements"] == 8
    assert "4 of 6 configurations measured, 0 of 2 passes whole; left out: 8" in ended.words([])


def test_a_file_is_made_once_used_for_all_that_needs_it_and_removed(opened, clock):
    limited.within(opened(Making), Passes(2, 1, 0), clock.clock(10_000), lambda: None, remove=True)

    files = [call for call in clock.calls if len(call) == 2]
    names = list(dict.fromkeys(name for _, name in files))
    assert files == [call for name in names for call in (("made", name), ("removed", name))]
    assert len(names) == 3
    assert names[0] == "Net Q4_1"  # the default's


def test_at_most_one_file_lies_there_and_one_that_is_not_done_with_stays(opened, clock):
    limited.within(opened(Making), ONCE, clock.clock(130), lambda: None, remove=True)

    files = [call for call in clock.calls if len(call) == 2]
    made = Counter(kind for kind, _ in files)
    assert made["made"] - made["removed"] == 1
    assert files[-1][0] == "made"


class Disturbed(Making):
    """Others take half of the machine in the first pass."""

    def sample(self, configuration, repeat):
        found = super().sample(configuration, repeat)
        share = Measurement(
            name="others_share",
            value=0.5,
            unit="1",
            source=Source.MEASURED,
            samples=(0.0 if repeat else 0.5,),
            used=1,
        )
        return found._replace(measurements=(*found.measurements, share))


def test_what_was_disturbed_waits_until_all_was_measured_once(opened, clock):
    limited.within(opened(Disturbed), ONCE, clock.clock(10_000), lambda: None, remove=True)

    repeats = [repeat for *_, repeat in measured(clock)]
    assert repeats == 12 * [0] + 8 * [1]  # four of them fail, which no other can disturb


def test_making_a_file_is_part_of_the_forecast(opened, clock):
    limited.within(opened(Making, takes=1.0), ONCE, clock.clock(64), lambda: None, remove=True)

    assert [call for call in clock.calls if call[0] == "made"] == [("made", "Net Q4_1")]


def test_a_clock_that_jumps_changes_nothing(opened, clock, monkeypatch):
    jumps = iter(range(0, 10**9, 10**6))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))

    limited.within(opened(takes=0.0), ONCE, Clock(60.0), lambda: None)

    assert len(clock.calls) == 12


def test_what_hangs_is_ended_when_the_time_is_over_whatever_it_waits_for():
    started = time.monotonic()

    with pytest.raises(OutOfTime), ended_after(0.1):
        subprocess.run([sys.executable, "-c", "import time; time.sleep(30)"], check=False)

    assert time.monotonic() - started < 10


class Hanging(Slow):
    def sample(self, configuration, repeat):
        if configuration == self.cell.space.default:
            time.sleep(30)
        return super().sample(configuration, repeat)


def test_what_was_cut_off_is_no_result_and_does_not_hold_up_the_rest(opened, clock):
    for seconds in (0.3, 0.5, 0.5):
        sweeps = opened(Hanging, takes=0.0)
        limited.within(sweeps, ONCE, Clock(seconds), lambda: None)
    ended = told.ending(sweeps, ONCE, True, 0.0)

    default = key_of(sweeps[0].cell.space.default)
    assert default not in {row["configuration"] for one in sweeps for row in one.rows}
    assert ended.left[0].cut_off == [default]
    assert "cut off by the time" in ended.words([])
    assert len(clock.calls) > 0  # by the third time neither cell's default is started


def test_a_configuration_that_runs_into_its_own_limit_is_its_status(opened, clock):
    """And what one failed configuration took is no forecast for the others."""
    sweeps = opened(IQ4_NL=60.0, takes=1.0)

    limited.within(sweeps, ONCE, clock.clock(300), lambda: None)

    found = Counter(row["status"] for one in sweeps for row in one.rows)
    assert found[Status.TIMEOUT] == 4
    assert found[Status.OK] == 8


def test_what_was_disturbed_is_measured_again_only_where_all_was_measured(opened, clock):
    steps = order.ordered(opened(), ONCE)

    assert [len(wave) for wave in order.again(steps, ONCE)] == [12, 12, 12]


def test_without_minutes_a_sweep_measures_in_the_order_it_always_had(opened, clock):
    sweeps = opened()

    tabulate.sweep(sweeps, 1, 0, lambda: None)

    assert [bits for bits, *_ in clock.calls] == 6 * ["INT4"] + 6 * ["INT8"]


@pytest.fixture
def fake(monkeypatch, clock):
    monkeypatch.setattr(DEPLOY, "evaluator", lambda cell: Slow(cell, clock, takes=0.0))


def test_the_command_tells_what_it_left_out_as_text_and_json(fake, project, cli):
    path = project / "suites/small.yaml"

    text = cli("tabulate", path, "--minutes", "1e-9")
    again = json.loads(cli("tabulate", path, "--minutes", "0.001", "--json").stdout)
    whole = json.loads(cli("tabulate", path, "--minutes", "5", "--floor", "6", "--json").stdout)

    assert "of 6 configurations measured" in text.stdout
    assert text.stdout.count("the same command goes on") == 1
    assert set(again) == {"written", "whole", "left_out", "noise_floors", "seconds"}
    assert whole["left_out"] == []
    assert len(whole["written"]) == 1
    assert whole["noise_floors"][0]["passes"] == 6


@pytest.mark.parametrize(
    "words",
    [
        ("--minutes", "0"),
        ("--minutes", "-1"),
        ("--minutes", "nan"),
        ("--minutes", "1e9"),
        ("--floor", "0"),
        ("--minutes", "1", "--workers", "2"),
        ("--floor", "2", "--executor", "ray"),
        ("--remove-files", "--workers", "2"),
    ],
)
def test_limits_that_make_no_sense_are_one_line(project, cli, words):
    done = cli("tabulate", project / "suites/small.yaml", *words)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_run_says_in_one_line_that_a_table_is_not_whole(fake, project, cli, clock):
    (project / "suites/small.yaml").write_text(TWO)
    path = project / "suites/small.yaml"
    cli("tabulate", path, "--minutes", "1e-9")
    for table in (project / "results/tables").rglob("*.parquet"):
        table.unlink()

    done = cli("run", path, "--methods", "default")

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is not whole" in done.stderr
    assert "haqa-bench tabulate" in done.stderr


KILLED = """
import os, sys, time
sys.path[:0] = [{tests!r}]
from haqa_bench.cli import main
from haqa_bench.tracks.deploy.track import DEPLOY
from test_limited_sweeps import Slow, Time

class Waiting(Slow):
    def sample(self, configuration, repeat):
        os.write({mark}, b".")
        time.sleep(0.05 if len(self.time.calls) < 3 else 30)
        return super().sample(configuration, repeat)

held = Time()
DEPLOY.evaluator = lambda cell: Waiting(cell, held)
main()
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)],
    ids=["SIGTERM", "SIGINT", "SIGKILL"],
)
def test_a_sweep_that_is_ended_has_what_it_measured_and_goes_on(fake, project, cli, number, code):
    path = project / "suites/small.yaml"
    read, mark = os.pipe()
    text = KILLED.format(tests=str(REPOSITORY / "tests"), mark=mark)
    words = [sys.executable, "-c", text, "tabulate", str(path), "--minutes", "5"]
    process = subprocess.Popen(
        words,
        preexec_fn=listening,
        pass_fds=[mark],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    os.close(mark)
    for _ in range(4):
        assert os.read(read, 1)
    os.close(read)
    process.send_signal(number)
    process.wait(timeout=60)
    (journal,) = (project / "results/tables").rglob("*.partial")
    before = journal.read_text().count('"pass"')
    ended = json.loads(cli("tabulate", path, "--minutes", "5", "--passes", "1", "--json").stdout)

    assert process.returncode == code
    assert before == 3  # the fourth was under way
    assert ended["left_out"] == []
