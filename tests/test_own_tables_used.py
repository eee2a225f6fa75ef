"""A table of one's own is as good as any: every method, an agent, replay, and every report."""

import hashlib
import importlib.util
import itertools
import json

import optuna
import pytest
from endpoint import Endpoint, reply
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own import COLUMNS, STATUS, shipped, taken  # noqa: F401 # a fixture of all tests

from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.store.own_tables.mapped import Said, mapped
from haqa_bench.store.own_tables.opened import opened
from haqa_bench.store.own_tables.rows import keys_of, rows
from haqa_bench.store.own_tables.said import metrics

GRID = itertools.product((1, 2, 4, 8), ("a", "b", "c"))
FILE = "batch,cache,throughput,p99,status\n" + "".join(
    f"{n},{kind},{10 * n + ord(kind) - 96},{100 + n},ok\n"
    if (n, kind) != (8, "c")
    else "8,c,,,oom\n"
    for n, kind in GRID
)
CELL = "data-unstated-unstated-table"
METHODS = ["default", "random", "local", "tpe", "gp", "nsga2"]
METHODS += ["smac"] if importlib.util.find_spec("smac") else []
AGENT = "{name: haqa, optimizer: haqa, chat: {model: MODEL, temperature: 0.0}, seeds: [0]}"


@pytest.fixture
def server(tmp_path):
    """A project with the file's suite and table."""
    found = taken(
        tmp_path,
        FILE,
        *(*COLUMNS, *STATUS, "--about", "requests of 512 tokens", "--budget", 4),
        *("--methods", ",".join(METHODS)),
    )
    assert found.done.returncode == 0, found.done.stderr
    return tmp_path


def test_every_method_runs_on_it_and_a_replay_is_equal_to_the_byte(server, cli):
    first = cli("run", "data", "--seeds", 2, "--project", server, "--json")
    again = cli("run", "data", "--seeds", 2, "--project", server, "--json", "--fresh")

    assert first.returncode == 0, first.stderr
    told, same = json.loads(first.stdout), json.loads(again.stdout)
    assert told["tables"] == same["tables"]
    shown = told["tables"]["table"]["rows"]
    assert {*METHODS} <= {row["values"]["Method"]["text"] for row in shown}
    assert {row["values"]["throughput, req/s"]["source"] for row in shown} == {"imported"}


def test_every_report_tells_of_it_and_of_its_file(server, cli):
    sha256 = hashlib.sha256(FILE.encode()).hexdigest()
    ran = cli("run", "data", "--seeds", 2, "--methods", "default,random,local", "--project", server)
    project = ("--project", server)
    title = "Best configurations found among imported measurements: data"
    assert ran.stdout.splitlines()[0] == title  # of a machine that nobody stated it says nothing

    compared = cli("compare", "data", *project)
    row = f"table:{CELL}/random/throughput-req-s"
    explained = cli("explain", "data", row, *project)
    shown = cli("table", "show", "data", *project)
    page = cli("report", "data", "--html", server / "page.html", *project)
    drawn = cli("report", "data", "--figures", server / "figures", *project)
    (folder,) = (server / "results/runs/data").iterdir()
    same = cli("diff", folder, folder)

    for done in (compared, explained, shown, page, drawn, same):
        assert done.returncode == 0, done.stderr
    assert f"imported from data.csv (sha256 {sha256})" in explained.stdout
    assert f"imported from data.csv (sha256 {sha256})" in shown.stdout
    assert f"imported from data.csv (sha256 {sha256})" in " ".join(compared.stdout.split())
    assert sha256 in (server / "page.html").read_text("utf-8")
    assert list((server / "figures").iterdir())


def test_an_agent_is_told_what_about_says_and_its_study_is_replayed(server, cli):
    path = server / "suites/data.yaml"
    assert f"  # - {AGENT}" in path.read_text()
    path.write_text(path.read_text().replace(f"  # - {AGENT}", f"  - {AGENT}"))
    answers = [
        reply(json.dumps({"thought": "more", "action": {"batch": batch, "cache": "b"}}))
        for batch in (2, 4, 8)
    ]
    run = ("run", "data", "--methods", "haqa", "--project", server, "--json")

    with Endpoint(answers) as endpoint:
        live = ("--agent", "live", "--base-url", endpoint.base_url, "--answered-by", "a script")
        recorded = cli(*run, *live)
    asked = json.dumps(endpoint.requests[0])
    replayed = cli(*run)

    assert recorded.returncode == replayed.returncode == 0, recorded.stderr + replayed.stderr
    told, again = json.loads(recorded.stdout), json.loads(replayed.stdout)
    best = [row["values"]["throughput, req/s"]["number"] for row in told["tables"]["table"]["rows"]]
    assert 82.0 in best
    assert told["tables"]["table"]["rows"] == again["tables"]["table"]["rows"]
    assert "requests of 512 tokens" in asked
    assert "hardware not stated" in asked


def test_its_prompt_says_what_stands_in_the_suite(server):
    from haqa_bench import suite

    (cell,) = suite.load(server / "suites/data.yaml", server).cells
    text = Prompts(server / "prompts").static(cell)

    assert "- requests of 512 tokens" in text
    assert "Maximize throughput (req/s)." in text
    assert "- batch: 1, 2, 4, 8 (default 1)" in text


def _study(folder, kind):
    """A study of nine trials; the last two are of one configuration, one failed, one was pruned."""
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    path = folder / "study"
    storage = (
        RDBStorage(f"sqlite:///{path}")
        if kind == "sqlite"
        else JournalStorage(JournalFileBackend(str(path)))
    )
    study = optuna.create_study(storage=storage, study_name="s", direction="maximize")

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        deep = trial.suggest_categorical("kind", ["flat", "deep"]) == "deep"
        depth = trial.suggest_int("depth", 1, 5) if deep else 0
        trial.set_user_attr("seconds", 2.0 + depth)
        if trial.number == 5:
            raise optuna.TrialPruned
        if trial.number == 6:
            raise ValueError("bad")
        return x + depth + trial.number

    for number in range(7):
        known = {"x": number / 8, "kind": "deep" if number % 2 else "flat", "depth": 3}
        study.enqueue_trial(known)
    study.enqueue_trial({"x": 0.5, "kind": "flat"})
    study.optimize(objective, 8, catch=(ValueError,))
    study.ask()  # has not ended
    return path.read_bytes()


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_study_of_optuna_says_itself_what_it_holds(tmp_path, kind):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    content = _study(tmp_path, kind)

    found = taken(tmp_path, content, name="mine.db")

    assert found.done.returncode == 0, found.done.stderr
    assert [*found.cell.space.root] == ["x", "kind", "depth"]
    assert found.cell.space.root["depth"].choices == ("none", 3)
    assert found.cell.objective.direction == "maximize"
    assert found.value("value", x=0.125, kind="deep", depth=3) == 4.125
    assert found.value("value", x=0.5, kind="flat", depth="none") == 6.0  # of 4.5 and 7.5
    assert found.value("value", x=0.625, kind="deep", depth=3) == "killed"
    assert found.value("value", x=0.75, kind="flat", depth="none") == "crashed"
    assert "7 configurations of 28 combinations, 2 failed: 1 crashed, 1 killed" in found.done.stdout
    assert (tmp_path / "mine.db").read_bytes() == content


def test_a_study_has_other_metrics_in_its_attributes(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    found = taken(
        tmp_path,
        _study(tmp_path, "journal"),
        *("--metrics", "seconds:s:min,value:1:max", "--study", "s"),
    )

    assert found.value("seconds", x=0.125, kind="deep", depth=3) == 5.0


def test_a_study_that_is_not_there_is_told(tmp_path):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    done = taken(tmp_path, _study(tmp_path, "journal"), "--study", "t").done
    damaged = taken(tmp_path, b"SQLite format 3\0" + b"x" * 100).done

    assert "no study 't'. Known: s" in done.stderr
    assert damaged.returncode == 2
    assert "no storage of Optuna's that this version reads" in damaged.stderr


FIELDS = st.one_of(
    st.sampled_from(["1", "1.0", "", "nan", "oom", "ok", "true", "0.5", '"', "a,b", "\u2028", "-"]),
    st.text(max_size=3),
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def _read_or_refused(folder, data: bytes) -> None:
    path, told = folder / "any", "read"
    path.write_bytes(data)
    try:
        _rows_of(path)
    except HaqaError as refused:
        told = str(refused)
    assert "\n" not in told


def _rows_of(path) -> None:
    frame = opened(path)
    if frame is not None:
        said = Said(["a"], metrics("b:ms:min"), "c" if "c" in frame.names else None)
        made = rows(mapped(frame, said), {})
        made.validate(full=True)
        assert made.num_rows == frame.rows


@given(st.lists(st.lists(FIELDS, min_size=3, max_size=3), max_size=6), st.sampled_from(",;\t"))
@QUICK
def test_any_fields_are_read_or_refused(tmp_path_factory, table, mark):
    lines = [["a", "b", "c"], *table]
    text = "\n".join(mark.join(fields) for fields in lines)

    _read_or_refused(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60), st.sampled_from([b"", b"a,b\n", b'{"a":1,"b":2}\n', b"PAR1", b"["]))
@QUICK
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, start):
    _read_or_refused(tmp_path_factory.getbasetemp(), start + data)


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4))


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
@QUICK
def test_any_values_of_json_are_read_or_refused(tmp_path_factory, pairs):
    lines = [json.dumps({"a": a, "b": b}) for a, b in pairs]

    _read_or_refused(tmp_path_factory.getbasetemp(), "\n".join(lines).encode())


def test_keys_are_those_of_a_space(tmp_path):
    from haqa_bench.space import key_of

    path = tmp_path / "x.csv"
    path.write_text('b,"a ""q""",é,y\n1,x,true,1\n0.5,"\u2028",false,2\n')
    found = mapped(opened(path), Said(["b", 'a "q"', "é"], metrics("y:s:min")))

    keys = keys_of(found).to_pylist()
    assert keys == [key_of(found.configuration(n)) for n in range(2)]
