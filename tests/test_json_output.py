"""--json of every command: stdout is JSON and nothing else, and numbers are numbers."""

import json

import pytest
from test_commands import CALLED, NO_JSON, options_of

CELL = "net-int4-epyc-zen4-2core"
ID = f"figure5:{CELL}/random/speed-up"
CASSETTE = f"cassettes/small/{CELL}/haqa-s0.jsonl"
HERE = [
    "run small",
    "run small --dry-run",
    "runs",
    "report RUN",
    "report RUN LIVE",
    "report RUN --output OUT",
    "report RUN --html OUT/page.html",
    "view RUN --output OUT/view.html --no-open",
    f"explain RUN {ID}",
    "diff RUN RUN",
    "compare RUN",
    "compare RUN --curves evaluations",
    "published",
    "published --check",
    "table show small",
    "table export small --output OUT",
    "suite list",
    "suite validate small",
    "suite show small",
    "suite schema",
    "hardware list",
    "hardware show epyc-zen4-2core",
    "cassette list",
    f"cassette show {CASSETTE}",
    f"cassette show {CASSETTE} --round 1",
    "cassette check",
    "plugin list",
    "plugin check random",
    "check",
    "doctor",
    "db rebuild RUN",
]
ELSEWHERE = {
    "haqa-bench contribute": "tests/test_contribute.py",
    "haqa-bench table check": "tests/test_contribute.py",
    "haqa-bench table accept": "tests/test_accept.py",
    "haqa-bench table machines": "needs tables of two machines: tests/test_accept.py",
    "haqa-bench new": "tests/test_new.py",
    "haqa-bench fork": "tests/test_forks_of_studies.py",
    "haqa-bench init": "brings what is shipped: tests/test_init.py",
    "haqa-bench confirm": "measures: tests/test_confirm.py",
    "haqa-bench kernel": "measures: tests/test_kernel_command.py",
    "haqa-bench trials show": "needs recorded trials: tests/test_rewriting.py",
    "haqa-bench tabulate": "measures: tests/test_tables.py, tests/test_limited_sweeps.py",
    "haqa-bench bundle": "packs: tests/test_bundle.py",
    "haqa-bench table take-in": "tests/test_partial_tables.py",
    "haqa-bench table close": "writes tables: tests/test_partial_tables.py",
    "haqa-bench tune": "measures: tests/test_tune.py",
    "haqa-bench synthesize": "writes files: tests/test_random_weights.py",
    "haqa-bench pretrain": "trains: tests/test_pretrained.py",
    "haqa-bench merge": "trains: tests/test_qlora.py",
    "haqa-bench memory": "reads a model: tests/test_memory.py",
    "haqa-bench hardware detect": "takes seconds: tests/test_hardware.py",
    "haqa-bench table import": "tests/test_foreign.py",
}


def test_every_command_with_json_is_tried_here_or_named():
    tried = {
        name for name in CALLED for line in HERE if f"haqa-bench {line} ".startswith(f"{name} ")
    }

    assert tried | ELSEWHERE.keys() >= CALLED.keys() - NO_JSON.keys()
    assert all("--json" in options_of(CALLED[name]) for name in tried)


@pytest.mark.parametrize("words", HERE)
def test_stdout_is_json_and_nothing_else(house, cli, monkeypatch, tmp_path, words):
    monkeypatch.chdir(house)
    monkeypatch.setenv("HAQA_BENCH_RUNS", str(house / "runs"))
    run = next((house / "runs/small").iterdir()).relative_to(house)
    live = next((house / "live/small").iterdir()).relative_to(house)
    spelt = (
        words.replace("RUN", str(run))
        .replace("LIVE", str(live))
        .replace("OUT", str(tmp_path / "out"))
    )

    done = cli(*spelt.split(), "--json")

    assert done.returncode in (0, 1), done.stderr
    json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize(
    "words",
    ["report nothing", "run nothing", "compare RUN --against nobody", "suite show nothing", "rnu"],
)
def test_a_fault_leaves_stdout_empty(house, cli, monkeypatch, words):
    monkeypatch.chdir(house)
    run = next((house / "runs/small").iterdir()).relative_to(house)

    done = cli(*words.replace("RUN", str(run)).split(), "--json")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_numbers_are_numbers(house, cli, monkeypatch):
    monkeypatch.chdir(house)
    (row, *_) = json.loads(cli("cassette", "list", "--json").stdout)
    told = json.loads(cli("run", "small", "--dry-run", "--json").stdout)
    validated = json.loads(cli("suite", "validate", "small", "--json").stdout)

    assert type(row["exchanges"]) is int
    assert (told["studies"], told["proposals"]) == (6, 30)
    assert validated["studies"] == 6
