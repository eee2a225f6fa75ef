"""What a space with ranges gives, in everything that prints, imports or checks: no claim of a best,
no column without a number, and one line where a response table is asked for.
"""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from command import InProcess
from ranged import CELL, SUITE, Trains, measured, ranged_project

import haqa_bench as hb
from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.packs.pack import opened
from haqa_bench.packs.rules import spaces
from haqa_bench.project import Project, open_run
from haqa_bench.report.found import tried
from haqa_bench.report.page import origins, runs
from haqa_bench.store import tables
from haqa_bench.suite import load
from haqa_bench.tracks.qat.track import QatTrack

REASON = "the space has a range, so nobody knows its best"
REFUSED = "no response table holds it: its space has a range (learning_rate, batch_size,"


@pytest.fixture(scope="module", autouse=True)
def trained_by_nobody():
    """Nothing is trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(QatTrack, "evaluator_in", lambda self, cell, project: Trains(cell))
        patch.setenv("HAQA_BENCH_SHIPPED", "")
        patch.setenv("HAQA_BENCH_PROGRESS", "off")
        patch.setenv("COLUMNS", "100")
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project whose suite was measured live, confirmed and replayed; nobody changes it."""
    return ranged_project(tmp_path_factory.mktemp("ranged"))


@pytest.fixture(scope="module")
def live(home):
    return measured(home, InProcess(), "--runs", home / "runs")


@pytest.fixture(scope="module")
def replayed(home, live):
    done = _run(home)
    assert done.returncode == 0, done.stderr
    folder = json.loads(done.stdout)["folder"]
    assert InProcess()("confirm", folder, "--project", home).returncode == 0
    return json.loads(_run(home).stdout)["folder"]


def _run(home):
    where = ("--runs", home / "runs", "--project", home, "--json")
    return InProcess()("run", home / "suites/ranged.yaml", *where)


TOLD = (
    ("report", "--wide"),
    ("report", "--format", "csv"),
    ("report", "--format", "md", "--wide"),
    ("report", "--format", "tex", "--wide"),
    ("report", "--format", "html", "--wide"),
    ("compare", "--wide"),
    ("compare", "--format", "csv"),
    ("compare", "--curves", "proposals", "--format", "csv"),
    ("compare", "--curves", "seconds", "--wide"),
    ("report", "--layout", "paper", "--wide"),
)


@pytest.mark.parametrize("words", TOLD, ids=" ".join)
@pytest.mark.parametrize("which", ["live", "replayed"])
def test_no_table_claims_a_best(request, home, words, which):
    folder = request.getfixturevalue(which)

    done = InProcess()(words[0], folder, *words[1:], "--project", home)

    assert done.returncode == 0, done.stderr
    for claim in ("Of the way", "Regret", "Rank in", "random, exact", "response table", "optimum"):
        assert claim not in done.stdout
    assert not re.search(r"\b(nan|NaN|unknown)\b", done.stdout)
    if "paper" not in words and "csv" not in words:
        assert REASON in re.sub(r"\s+", " ", done.stdout)


def test_no_column_of_a_table_is_empty(home, live):
    told = InProcess()("report", live, "--format", "csv", "--project", home).stdout

    rows = list(csv.DictReader(io.StringIO(told)))
    assert [name for name in rows[0] if not any(row[name] for row in rows)] == []


def test_a_replay_of_recorded_trials_prints_what_the_live_run_did(home, live, replayed):
    def shown(folder):
        told = InProcess()("report", folder, "--format", "csv", "--project", home).stdout
        rows = csv.DictReader(io.StringIO(told))
        return [[row["id"], row["Gain"], row["Test accuracy, %"], row["Range"]] for row in rows]

    assert shown(live) == shown(replayed)


def test_explain_says_where_the_recorded_trials_lie(home, replayed):
    done = InProcess()("explain", replayed, f"T1:{CELL}/tpe/gain", "--project", home)

    assert done.returncode == 0, done.stderr
    assert f"recorded trials: file results/trials/qat/{CELL}.jsonl" in done.stdout
    assert "done again: it agrees" in done.stdout
    assert "response table" not in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("tabulate", "SUITE"),
        ("table", "show", "SUITE"),
        ("table", "export", "SUITE", "--output", "x"),
        ("table", "import", "SUITE", "FILE", "--cell", CELL),
        ("contribute", "SUITE"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_what_needs_a_response_table_is_refused_in_one_line(home, tmp_path, words):
    (tmp_path / "m.csv").write_text("learning_rate,valid_accuracy\n0.01,71\n")
    names = {"SUITE": home / "suites/ranged.yaml", "FILE": tmp_path / "m.csv", "x": tmp_path / "x"}

    done = InProcess()(*(names.get(word, word) for word in words), "--project", home)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{CELL}: {REFUSED}" in done.stderr
    assert "--measure live" in done.stderr


@pytest.fixture
def pack(home, live, tmp_path):
    """What a live run without an LLM measured, packed."""
    few = ("--methods", "default,random", "--measure", "live", "--json")
    where = ("--runs", tmp_path / "runs", "--project", home)
    done = InProcess()("run", home / "suites/ranged.yaml", *few, *where)
    folder = json.loads(done.stdout)["folder"]
    done = InProcess()("contribute", folder, "--output", tmp_path / "pack", "--project", home)
    assert done.returncode == 0, done.stderr
    return tmp_path / "pack"


def test_a_run_with_ranges_is_packed_and_judged(home, pack):
    done = InProcess()("table", "check", pack, "--mine", "--json", "--project", home)

    rules = {rule["name"]: rule for rule in json.loads(done.stdout)["rules"]}
    assert not rules["space"]["problems"]
    assert not rules["cells"]["problems"]


def test_a_response_table_in_such_a_pack_breaks_a_rule(home, pack):
    tables.write(pack / f"results/tables/qat/{CELL}.parquet", {"cell": CELL}, [])

    with opened(pack) as found:
        problems = [problem.what for problem in spaces._cells(found, Project(home))]

    assert any("a space with a range" in what for what in problems)


def test_the_size_of_a_space_with_ranges_is_told_as_such(home):
    done = InProcess()("suite", "show", home / "suites/ranged.yaml", "--project", home)

    assert "3.7e+15 configurations as numbers are rounded" in done.stdout
    assert "a number from 1e-05 to 0.2, on a logarithmic scale (default 0.01)" in done.stdout
    cell = hb.load_suite(home / "suites/ranged.yaml").cells[0]
    assert "3.7e+15 configurations as numbers are rounded" in repr(cell)
    with pytest.raises(HaqaError, match="its space has a range"):
        _ = cell.table


def test_the_schema_says_what_each_key_of_a_range_is():
    told = json.loads(InProcess()("suite", "schema").stdout)["$defs"]

    for name in ("WholeBounds", "RealBounds"):
        assert all(key["description"] for key in told[name]["properties"].values())
    assert told["IntRange"]["properties"]["default"]["type"] == "integer"
    assert told["FloatRange"]["properties"]["default"]["type"] == "number"


BATCH = "{int: {low: 32, high: 256, log: true}, default: 128}"
ONE_KIND = "batch_size: a parameter has a default, and one of choices, int, float"
WRONG = [
    ("{range: [32, 256], default: 128}", ONE_KIND),
    ("{low: 32, high: 256, default: 128}", ONE_KIND),
    ("{int: {low: 32, high: 256}, float: {low: 1.0, high: 2.0}, default: 128}", ONE_KIND),
    ("{int: {low: 32, high: 256}, choices: [32], default: 128}", ONE_KIND),
    ("{int: {low: 32, hihg: 256}, default: 128}", "int.hihg: unknown key; did you mean 'high'?"),
    ("{int: {low: 32, high: 256}, defautl: 128}", "defautl: unknown key; did you mean 'default'?"),
    ("{int: {low: 256, high: 32}, default: 128}", "low 256 is not below high 32"),
    ("{int: {low: 0, high: 256, log: true}, default: 128}", "begins above 0, not at 0"),
    ("{int: {low: 32, high: 256}, default: 300}", "default 300 is not a whole number from 32"),
    ("{int: {low: 32, high: 256}, default: 64.5}", "default 64.5 is not a whole number from 32"),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[given for given, _ in WRONG])
def test_a_wrong_range_is_told_with_its_line_and_what_to_do(home, tmp_path, given, said):
    path = tmp_path / "bad.yaml"
    path.write_text(SUITE.replace(BATCH, given))
    line = 1 + SUITE[: SUITE.index(BATCH)].count("\n")

    done = InProcess()("suite", "validate", path, "--project", home)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"bad.yaml:{line}: cells[0].space.batch_size" in done.stderr
    assert said in done.stderr


def test_the_page_tells_of_no_regret_and_where_trials_are_recorded(home, replayed):
    with open_run(Path(replayed)) as run:
        shown = runs.run_shown(run, {}, {})
        found = origins.origins(run, Project(home)).cells[0]

    assert found.path == f"results/trials/qat/{CELL}.jsonl"
    assert found.sha256 == sha256((home / found.path).read_bytes())
    assert found.days
    assert "torch" in found.builds
    assert all(cell.ranged for cell in shown.cells)


def test_figures_have_no_map_of_such_a_space(home, replayed, tmp_path):
    done = InProcess()(
        *("report", replayed, "--figures", tmp_path, "--only", "curves,landscape"),
        *("--project", home),
    )

    assert done.returncode == 0, done.stderr
    assert "Its space has a range, which has no map" in done.stderr
    caption = (tmp_path / f"curves-{CELL}.txt").read_text("utf-8")
    assert "Recorded trials of " in caption
    assert "response table" not in caption.lower()


def test_what_changes_nothing_that_runs_may_be_changed_after_a_live_run(tmp_path):
    home = ranged_project(tmp_path)
    few = ("--methods", "default,random", "--seed", "0", "--measure", "live")
    first = InProcess()("run", home / "suites/ranged.yaml", *few, "--project", home)
    path = home / "suites/ranged.yaml"
    path.write_text(path.read_text().replace("\nmodels:", "\nlabels: {random: by chance}\nmodels:"))

    again = InProcess()("run", path, *few, "--project", home)

    assert first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stderr
    assert "by chance" in again.stdout


def test_a_suite_without_a_layout_is_written_as_it_was(home):
    loaded = load(home / "suites/ranged.yaml", home)

    assert "layout" not in loaded.model_dump_json()
    asked = loaded.model_copy(update={"layout": "paper"})
    assert asked.lock == loaded.lock
    assert '"layout":"paper"' in asked.model_dump_json()


def test_a_picture_shows_which_values_of_each_range_were_tried(home, replayed, tmp_path, cli):
    done = cli("report", replayed, "--figures", tmp_path, "--only", "ranges", "--project", home)

    assert done.returncode == 0, done.stderr
    drawn = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    name = f"ranges-{CELL}"
    assert {f"{name}.pdf", f"{name}.png", f"{name}-dark.png", f"{name}-dark.svg"} <= drawn
    told = next(tmp_path.rglob(f"{name}.txt")).read_text("utf-8")
    assert "ringed: the best of a study" in told
    assert "Source: replayed" in told
    with open_run(Path(replayed)) as run:
        found = [one for one in tried.tried(run) if one.method == "random"]
    assert f"random {len(found)}" in told
    assert {one.seed for one in found if one.best} == {0, 1}
