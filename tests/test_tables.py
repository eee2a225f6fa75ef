"""Response tables in the form of others: Kernel Tuner really reads what we export."""

import contextlib
import io
import json

import jsonschema
import kernel_tuner
import pyarrow.parquet as pq
import pytest
from support import REPOSITORY, evaluator_of

from haqa_bench import suite
from haqa_bench.project import Project
from haqa_bench.store import facts, tables
from haqa_bench.store.kernel_tuner import exported as cache_files
from haqa_bench.tracks.replayed import TableEvaluator


@pytest.fixture
def cache(project, tmp_path):
    cell = suite.load(project / "suites/small.yaml", project).cells[0]
    path = tmp_path / "cache.json"
    path.write_text(json.dumps(cache_files.to_cache(evaluator_of(project).table, cell)))
    return cell, path


@pytest.mark.filterwarnings("ignore:None of the tunable parameters")
def test_an_exported_table_is_a_cache_that_kernel_tuner_simulates(cache):
    cell, path = cache

    with contextlib.redirect_stdout(io.StringIO()):
        results, environment = kernel_tuner.tune_kernel(
            cell.id,
            "void unused() {}",
            cache_files.PROBLEM_SIZE,
            [],
            {name: list(p.choices) for name, p in cell.space.root.items()},
            lang="C",
            simulation_mode=True,
            cache=str(path),
            objective=cell.objective.metric,
            objective_higher_is_better=True,
        )

    found = {
        (r["format"], r["n_threads"]): r[cell.objective.metric]
        for r in results
        if "__error__" not in r
    }
    assert environment["device_name"] == "epyc-zen4-2core"
    assert len(results) == cell.space.size
    assert found["IQ4_NL", 2] == pytest.approx(80.0)
    assert ("IQ4_NL", 1) not in found


@pytest.mark.filterwarnings("ignore:None of the tunable parameters")
def test_a_measured_kernel_with_a_limit_is_simulated_whole_and_its_t4_results_are_valid(tmp_path):
    cell = suite.load(REPOSITORY / "suites/kernels.yaml", REPOSITORY).cells[0]
    table = tables.read(Project(REPOSITORY).table(cell))
    path = tmp_path / "cache.json"
    path.write_text(json.dumps(cache_files.to_cache(table, cell)))

    with contextlib.redirect_stdout(io.StringIO()):
        results, _ = kernel_tuner.tune_kernel(
            cell.id,
            "void unused() {}",
            cache_files.PROBLEM_SIZE,
            [],
            {name: list(p.choices) for name, p in cell.space.root.items()},
            lang="C",
            restrictions=json.loads(path.read_text())["restrictions"],
            simulation_mode=True,
            cache=str(path),
            objective=cell.objective.metric,
            objective_higher_is_better=False,
        )

    found = min(r[cell.objective.metric] for r in results if "__error__" not in r)
    jsonschema.validate(
        cache_files.to_t4(table, cell), kernel_tuner.file_utils.output_file_schema("results")[1]
    )
    assert len(results) == cell.space.size == 180
    assert found == TableEvaluator(table, cell).whole.optimum


def test_an_exported_entry_keeps_samples_and_other_metrics(cache):
    _, path = cache

    entry = json.loads(path.read_text())["cache"]["2,Q4_1"]
    assert entry["times"] == [60.0, 54.0, 60.0, 54.0]
    assert entry["perplexity"] == 20.0


def test_t4_results_fit_their_schema_and_say_what_failed(cache, project):
    cell, _ = cache

    exported = cache_files.to_t4(evaluator_of(project).table, cell)

    version, schema = kernel_tuner.file_utils.output_file_schema("results")
    jsonschema.validate(exported, schema)
    assert exported["schema_version"] == version
    failed = [r["configuration"] for r in exported["results"] if r["invalidity"] != "correct"]
    assert failed == [{"n_threads": 1, "format": "IQ4_NL"}]


@pytest.mark.parametrize("form", ["cache", "t4"])
def test_what_was_exported_can_be_imported_elsewhere_and_says_the_same(
    project, cli, tmp_path, form
):
    cell_id = "net-int4-epyc-zen4-2core"
    before = json.loads(cli("table", "show", project / "suites/small.yaml", "--json").stdout)[0]
    cli(
        "table",
        "export",
        project / "suites/small.yaml",
        "--format",
        form,
        "--output",
        tmp_path / "out",
    )
    next((project / "results/tables").rglob("*.parquet")).unlink()

    done = cli(
        "table",
        "import",
        project / "suites/small.yaml",
        tmp_path / "out" / f"{cell_id}.json",
        "--cell",
        cell_id,
    )

    assert done.returncode == 0, done.stderr
    after = json.loads(cli("table", "show", project / "suites/small.yaml", "--json").stdout)[0]
    same = ("configurations", "failed", "default", "optimum")
    assert {k: after[k] for k in same} == {k: before[k] for k in same}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1", "not JSON"),
        ("{}", "neither a Kernel Tuner cache nor T4 results"),
        (
            '{"cache": {"x": {"n_threads": 9, "format": "Q4_1", "time": 1.0}}}',
            "n_threads: 9 is none of",
        ),
        (
            '{"cache": {"x": {"n_threads": 1, "format": "Q4_1", "time": 1.0}}}',
            "cache['x']: no end_to_end_tokens_per_s. It holds time",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_one_clear_line(project, cli, tmp_path, text, said):
    next((project / "results/tables").rglob("*.parquet")).unlink()
    (tmp_path / "bad.json").write_text(text)

    done = cli(
        "table",
        "import",
        project / "suites/small.yaml",
        tmp_path / "bad.json",
        "--cell",
        "net-int4-epyc-zen4-2core",
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_command_writes_a_file_for_each_cell_and_shows_what_a_table_holds(
    project, cli, tmp_path
):
    exported = cli("table", "export", project / "suites/small.yaml", "--output", tmp_path / "out")
    shown = cli("table", "show", project / "suites/small.yaml")

    assert exported.returncode == shown.returncode == 0, exported.stderr + shown.stderr
    assert (tmp_path / "out/net-int4-epyc-zen4-2core.json").is_file()
    assert (
        json.loads(cli("table", "show", project / "suites/small.yaml", "--json").stdout)[0][
            "optimum"
        ]
        == 80.0
    )
    assert "6 configurations, 1 could not be measured" in shown.stdout
    assert (
        "3 feasible; end_to_end_tokens_per_s: default 60.0, optimum 80.0 tokens/s" in shown.stdout
    )


def test_a_table_that_another_llama_cpp_made_is_stale(project, monkeypatch):
    path = Project(project).table(suite.load(project / "suites/small.yaml", project).cells[0])
    table, rows = tables.read(path), pq.ParquetFile(path).read().to_pylist()
    tables.write(path, table.card, [r | {"facts": {"llama_cpp_python": "0.3.1"}} for r in rows])
    old = tables.read(path)
    monkeypatch.setattr(facts, "version", lambda name: "0.3.2")

    assert tables.stale(table) == ""  # made before builds were recorded
    assert "was measured with llama-cpp-python 0.3.1, and 0.3.2 is installed" in tables.stale(old)
    monkeypatch.setattr(facts, "version", lambda name: "0.3.1")
    assert tables.stale(old) == ""


def test_tables_say_on_what_they_were_measured(cli):
    done = cli(
        "table",
        "show",
        REPOSITORY / "suites/formats.yaml",
        "--cells",
        "*smollm2*,*oneplus*",
        "--json",
    )

    assert done.returncode == 0, done.stderr
    found = {row["cell"]: row for row in json.loads(done.stdout)}
    assert found["openllama-3b-any-oneplus-11"]["source"] == "simulated"
    assert found["smollm2-135m-any-epyc-zen4-2core"]["source"] == "measured"
    assert "llama_cpp_python 0.3" in found["smollm2-135m-any-epyc-zen4-2core"]["built"][0]
