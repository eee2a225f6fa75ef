"""Response tables in the form of others: Kernel Tuner really reads what we export."""

import contextlib
import io
import json

import kernel_tuner
import pytest
from conftest import evaluator_of

from haqa_bench import suite
from haqa_bench.store import kernel_tuner as cache_files


@pytest.fixture
def cache(project, tmp_path):
    cell = suite.load(project / "suites/small.yaml", project).cells[0]
    path = tmp_path / "cache.json"
    cache_files.export(evaluator_of(project).table, cell, path)
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

    found = {(r["format"], r["n_threads"]): r[cell.objective.metric] for r in results if "__error__" not in r}
    assert environment["device_name"] == "epyc-zen4-2core"
    assert len(results) == cell.space.size
    assert found["IQ4_NL", 2] == pytest.approx(80.0)
    assert ("IQ4_NL", 1) not in found


def test_an_exported_entry_keeps_samples_and_other_metrics(cache):
    _, path = cache

    entry = json.loads(path.read_text())["cache"]["2,Q4_1"]
    assert entry["times"] == [60.0, 54.0, 60.0, 54.0]
    assert entry["perplexity"] == 20.0


def test_the_command_writes_a_file_for_each_cell_and_shows_what_a_table_holds(project, cli, tmp_path):
    exported = cli("table", "export", project / "suites/small.yaml", "--output", tmp_path / "out")
    shown = cli("table", "show", project / "suites/small.yaml")

    assert exported.returncode == shown.returncode == 0, exported.stderr + shown.stderr
    assert (tmp_path / "out/net-int4-epyc-zen4-2core.json").is_file()
    assert json.loads(cli("table", "show", project / "suites/small.yaml", "--json").stdout)[0]["optimum"] == 80.0
    assert "6 configurations, 1 could not be measured" in shown.stdout
    assert "3 feasible; end_to_end_tokens_per_s: default 60.0, optimum 80.0 tokens/s" in shown.stdout
