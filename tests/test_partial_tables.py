"""What was measured in part: taken in from another machine, and made a table as it is."""

import json
import shutil

import pytest
from support import SUITE
from test_limited_sweeps import Slow, Time

from haqa_bench import suite
from haqa_bench.project import Project
from haqa_bench.run import limited
from haqa_bench.run import sweep as tabulate
from haqa_bench.run.limited.order import Passes
from haqa_bench.store import tables


def cell_of(project):
    return suite.load(project / "suites/small.yaml", project).cells[0]


def measure(project, seconds, passes=1, keep=True):
    """A sweep of the small cell in a project, in which each measurement takes ten seconds."""
    time, cell = Time(), cell_of(project)
    one = tabulate.open_sweep(cell, Project(project).own.table(cell), Slow(cell, time))
    limited.within([one], Passes(passes, 1, 0), time.clock(seconds), lambda: None)
    if not keep:
        limited.finish([one], Passes(passes, 1, 0), time.clock(1))
    return one


@pytest.fixture
def empty(project):
    Project(project).own.table(cell_of(project)).unlink()
    (project / "MANIFEST.sha256").unlink(missing_ok=True)
    return project


@pytest.fixture
def device(empty, tmp_path):
    """The project as another machine has it."""
    folder = tmp_path / "device"
    shutil.copytree(empty, folder, ignore=shutil.ignore_patterns("device", "results"))
    return folder


@pytest.fixture
def path(empty):
    return empty / "suites/small.yaml"


def test_what_was_measured_in_part_elsewhere_is_taken_in_and_goes_on(empty, device, path, cli):
    measure(device, 45)
    done = cli("table", "take-in", path, device, "--json")
    again = cli("table", "take-in", path, device, "--json")

    one = measure(empty, 1000)

    told = json.loads(done.stdout)[0]
    assert (told["configurations"], told["of"], told["passes"]) == (4, 6, 0)
    assert again.stdout == done.stdout  # nothing twice
    assert len(one.evaluator.time.calls) == 2


def test_a_journal_in_which_nothing_was_measured_yet_is_none(empty, device, path, cli):
    cell = cell_of(device)
    tabulate.open_sweep(cell, Project(device).own.table(cell), Slow(cell, Time()))

    taken, closed = cli("table", "take-in", path, device), cli("table", "close", path)

    assert "holds no table and no journal" in taken.stderr
    assert "none of these cells is measured in part" in closed.stderr
    assert not list((empty / "results").rglob("*.partial"))


def test_a_whole_table_from_elsewhere_is_taken_in_and_replays(empty, device, path, cli):
    measure(device, 1000, keep=False)

    done = cli("table", "take-in", path, device)

    assert done.returncode == 0
    assert "6 of 6 configurations" in done.stdout
    assert cli("run", path, "--methods", "default").returncode == 0


def test_a_journal_whose_last_line_was_cut_is_taken_in_without_it_and_stays(
    empty, device, path, cli
):
    one = measure(device, 45)
    whole = one.journal.path.read_bytes()
    one.journal.path.write_bytes(whole[:-10])
    one.journal.path.chmod(0o400)

    done = cli("table", "take-in", path, device)

    assert "3 of 6 configurations" in done.stdout
    assert one.journal.path.read_bytes() == whole[:-10]


def test_results_of_other_workloads_damaged_ones_and_none_are_one_line(empty, device, path, cli):
    none = cli("table", "take-in", path, device)
    one = measure(device, 45)
    data = one.journal.path.read_bytes()
    one.journal.path.write_bytes(data.replace(b"100.0", b"900.0"))
    damaged = cli("table", "take-in", path, device)
    one.journal.path.write_bytes(data)
    path.write_text(SUITE.replace("{quality_text: text.txt}", "{repeats: 9}"))
    other = cli("table", "take-in", path, device)

    for done, words in (
        (none, "holds no table and no journal"),
        (damaged, "damaged line"),
        (other, "was measured with another workload"),
    ):
        assert done.returncode == 2
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_another_table_that_is_here_is_never_overwritten(empty, device, path, cli):
    measure(device, 1000, keep=False)
    measure(empty, 1000, passes=2, keep=False)

    done = cli("table", "take-in", path, device)

    assert done.returncode == 2
    assert "is there already, and another" in done.stderr


def test_what_was_measured_in_part_becomes_a_table_with_holes_that_run_refuses(empty, path, cli):
    measure(empty, 45)

    (told,) = json.loads(cli("table", "close", path, "--json").stdout)
    done = cli("table", "close", path)
    run = cli("run", path, "--methods", "default")

    assert done.returncode == 0
    assert "4 of 6 configurations, 0 passes whole, 4 measurements" in done.stdout
    assert (told["configurations"], told["of"]) == (4, 6)
    assert "2 of 6 configurations are missing" in run.stderr
    assert run.returncode == 2


def test_a_table_with_holes_is_used_by_a_space_that_is_what_was_recorded(empty, path, cli):
    measure(empty, 45)
    cli("table", "close", path)

    path.write_text(SUITE.replace("    space:\n", "    space:\n      configurations: recorded\n"))
    run = cli("run", path, "--methods", "default,random")

    assert run.returncode == 0, run.stderr


def test_a_closed_table_can_be_gone_on_with_and_closed_again(empty, path, cli):
    measure(empty, 45)
    cli("table", "close", path)
    measure(empty, 45)

    done = cli("table", "close", path)
    run = cli("run", path, "--methods", "default")

    assert "6 of 6 configurations, 1 passes whole" in done.stdout
    assert run.returncode == 0
    assert not list((empty / "results/tables").rglob("*.partial"))
    cell = cell_of(empty)
    assert tables.read(Project(empty).own.table(cell)).card["passes"] == 1


def test_closing_keeps_a_table_that_was_measured_whole(empty, path, cli):
    measure(empty, 1000, keep=False)
    measure(empty, 25)

    done = cli("table", "close", path)
    nothing = cli("table", "close", path, "--project", empty / "suites")

    assert done.returncode == 2
    assert "was measured whole" in done.stderr
    assert nothing.returncode == 2
