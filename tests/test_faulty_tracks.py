"""Tracks of other packages that fail: their cells end, the others run, all in one line."""

import json
import sys

import pytest
from plugged import installed

from haqa_bench import suite as suites
from haqa_bench import tracks
from haqa_bench.store.failures import NAME

SOURCE = """\
import os
from haqa_bench.cell import Workload
from haqa_bench.protocols import Metric, Outcome
from haqa_bench.tracks import Track
from haqa_bench.tracks.metrics import OTHERS_SHARE, by_name
from haqa_bench.tracks.repeats import MeasuredHere, estimated


class Nothing(Workload):
    pass


class Fine(MeasuredHere):
    def __init__(self, cell):
        self.cell = cell

    made_of = {}

    def sample(self, configuration, repeat):
        if os.environ.get("BROKEN"):
            raise RuntimeError("no power")
        readings = {("ms", "ms"): [float(configuration["a"])] * 3, ("others_share", "1"): [0.0] * 3}
        return Outcome(estimated(readings), {})


class Raises(Fine):
    def sample(self, configuration, repeat):
        raise RuntimeError("no power")


class Exits(Fine):
    def sample(self, configuration, repeat):
        raise SystemExit(0)


class Nan(Fine):
    def measure(self, configuration):
        found = super().measure(configuration)
        nan = found.measurements[0].model_copy(update={"value": float("nan")})
        return found._replace(measurements=(nan,))


class Text(Fine):
    def measure(self, configuration):
        return "fast"


class Edits(Fine):
    def measure(self, configuration):
        found = super().measure(configuration)
        configuration["a"] = 77
        return found


class Unmade(Fine):
    def __init__(self, cell):
        raise OSError("no device")


class Plugged(Track[Nothing]):
    title = "Best of what is plugged in"
    workload = Nothing
    metrics = by_name(Metric("ms", "ms", "minimize", "how long"), OTHERS_SHARE)

    def __init__(self, name, kind):
        self.name, self.kind = name, kind

    def evaluator(self, cell):
        if self.kind is None:
            import no_such_module
        return self.kind(cell)

    def limits(self, workload):
        return "nothing"


class Lost(Plugged):

    def metrics_of(self, workload):
        if self.name == "lost":
            raise KeyError("ms")
        return self.metrics

    def resolve(self, workload, model):
        if self.name == "unresolved":
            raise ZeroDivisionError("division by zero")
        return workload


class Mute(Plugged):
    def __getattribute__(self, name):
        if name == os.environ.get("BROKEN_HOOK"):
            raise RuntimeError("no words")
        return super().__getattribute__(name)


class Bent:
    name = "bent"


MUTE = Mute("mute", Fine)
FINE, RAISES, EXITS = Plugged("fine", Fine), Plugged("raises", Raises), Plugged("exits", Exits)
NAN, TEXT, EDITS = Plugged("nan", Nan), Plugged("text", Text), Plugged("edits", Edits)
LOST, UNRESOLVED = Lost("lost", Fine), Lost("unresolved", Fine)
UNMADE, UNIMPORTED, BENT = Plugged("unmade", Unmade), Plugged("unimported", None), Bent()
"""
FAULTS = {
    "raises": "RuntimeError: no power (faulty_methods.py:",
    "exits": "SystemExit: 0",
    "nan": "its ms is nan, no finite number",
    "text": "'str' object has no attribute",
    "unmade": "OSError: no device",
    "unimported": "No module named 'no_such_module'",
}
OTHERS = ("fine", "edits", "bent", "lost", "mute", "unresolved")
CELL = """\
  - track: {track}
    models: [Net]
    bit_widths: [INT8]
    hardware: [epyc-zen4-2core]
    workload: {{}}
    space: {{a: {{choices: [1, 2, 3], default: 2}}}}
    measurement: {{processes: 1, pairs: 6}}
    objective: {{metric: ms}}
    budget: {{proposals: 3}}
"""
HEAD = """\
name: plugged
models: {Net: {architecture: none, parameters: 1}}
methods: [{name: default, optimizer: default}, {name: random, optimizer: random}]
seeds: [0]
cells:
"""


@pytest.fixture
def cli(cli, tmp_path_factory, monkeypatch):
    """The command in this process, where the tracks above are installed."""
    points = {name: f"faulty_methods:{name.upper()}" for name in [*FAULTS, *OTHERS]}
    points["gone"] = "no_such_module:TRACK"
    site = tmp_path_factory.mktemp("site")
    installed(site, SOURCE, {"tracks": points})
    monkeypatch.syspath_prepend(site)
    forget()
    yield cli
    monkeypatch.undo()
    forget()


def forget():
    """What this process knows of installed tracks."""
    for known in (tracks.known, tracks.named, suites.file_type):
        known.cache_clear()
    sys.modules.pop("faulty_methods", None)


def suite(project, *tracks):
    path = project / "suites/plugged.yaml"
    path.write_text(HEAD + "".join(CELL.format(track=track) for track in tracks))
    return path


def test_a_live_run_goes_on_without_the_cells_whose_evaluators_fail(project, cli):
    path = suite(project, "fine", "edits", *FAULTS)

    done = cli("run", path, "--measure", "live", "--json")

    assert done.returncode == 3, done.stderr
    folder = json.loads(done.stdout)["folder"]
    assert {"net-int8-epyc-zen4-2core-fine", "net-int8-epyc-zen4-2core-edits"} <= {
        row["id"].split(":")[1].split("/")[0]
        for table in json.loads(done.stdout)["tables"].values()
        for row in table["rows"]
    }
    failed = json.loads((project / "results/runs" / folder / NAME).read_text())
    for name, words in FAULTS.items():
        line = failed[f"plugged/net-int8-epyc-zen4-2core-{name}/random/seed0"]["what"]
        assert line.startswith(f"evaluator failed: the track '{name}' (faulty_methods:")
        assert words in line
    journals = (project / "results/runs").rglob("journal/**/*.jsonl")
    assert not any('"a": 77' in path.read_text() for path in journals)


def test_confirm_and_tabulate_of_a_failing_evaluator_are_one_line(project, cli):
    path = suite(project, "fine")
    run = cli("run", path, "--measure", "live", "--json")
    folder = json.loads(run.stdout)["folder"]

    confirmed = cli("confirm", folder, "--project", project, BROKEN="1")
    tabulated = cli("tabulate", path, BROKEN="1")
    unmade = cli("tabulate", suite(project, "unimported"))

    for done in (confirmed, tabulated, unmade):
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert "haqa-bench: evaluator failed: the track '" in done.stderr


def test_a_broken_track_is_told_where_a_suite_names_it_and_harms_no_other(project, cli):
    other = cli("suite", "validate", project / "suites/small.yaml")
    told = {
        name: cli("suite", "validate", suite(project, name))
        for name in ("gone", "bent", "unknown", "lost", "unresolved")
    }

    assert other.returncode == 0, other.stderr
    assert all(done.returncode == 2 for done in told.values())
    assert "cannot be loaded: ModuleNotFoundError" in told["gone"].stderr
    assert "is no Track. Inherit haqa_bench.tracks.Track" in told["bent"].stderr
    assert "asked what it knows: KeyError: 'ms' (faulty_methods.py:" in told["lost"].stderr
    assert "asked for a cell: ZeroDivisionError: division" in told["unresolved"].stderr
    assert "if a package of its own brings it" in told["unknown"].stderr.lower()


def test_plugins_are_listed_and_tracks_are_checked(project, cli):
    listed = json.loads(cli("plugin", "list", "--json").stdout)
    words = ("--suite", suite(project, "fine"), "--project", project)
    fine = cli("plugin", "check", "fine", *words)
    words = ("--suite", suite(project, "raises"), "--project", project)
    raises = cli("plugin", "check", "raises", *words)
    bent = cli("plugin", "check", "bent")

    assert {"fine", "gone"} <= {one["name"] for one in listed}
    assert {one["distribution"] for one in listed if one["name"] == "fine"} == {"faulty-methods"}
    assert (fine.returncode, raises.returncode, bent.returncode) == (0, 1, 1), fine.stdout
    assert "no power" in raises.stdout


@pytest.mark.parametrize("hook", ["bits", "part", "title"])
def test_the_table_of_a_track_that_cannot_tell_of_it_is_left_out(project, cli, hook):
    first = cli("run", suite(project, "fine", "mute"), "--measure", "live", "--json")
    folder = json.loads(first.stdout)["folder"]

    again = cli("report", folder, "--project", project, "--format", "json", BROKEN_HOOK=hook)

    assert first.returncode == 0, first.stderr
    assert again.returncode == 3, again.stderr
    line = "left out: the track 'mute' (faulty_methods:MUTE, faulty-methods 1.0), asked for its"
    assert again.stderr.startswith(f"haqa-bench: {line}")
    assert "RuntimeError: no words (faulty_methods.py:" in again.stderr
    assert line in again.stdout
    assert "-fine/" in again.stdout
    assert "-mute/" not in again.stdout


def test_where_no_table_is_left_it_is_one_line_and_exit_code_2(project, cli):
    path = suite(project, "mute")
    cli("run", path, "--measure", "live")

    done = cli("run", path, "--measure", "live", BROKEN_HOOK="title")

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) <= 3
    assert "the track 'mute'" in done.stderr
    assert "Traceback" not in done.stderr
