"""The track `table`: somebody's own measurements, tuned by every method."""

import json

import pytest

from haqa_bench import suite
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.space import key_of
from haqa_bench.store import tables

SERVING = """\
name: serving
models: {Server: {architecture: an inference server, parameters: 0}}
methods:
  - {name: default, optimizer: default}
  - {name: random, optimizer: random}
  - {name: rules, optimizer: rules, seeds: [0]}
seeds: [0, 1]
cells:
  - track: table
    models: [Server]
    bit_widths: [INT8]
    hardware: [epyc-zen4-2core]
    workload:
      about: requests of 512 tokens, as many at once as the server takes
      metrics:
        throughput: {unit: req/s, direction: maximize, about: requests answered in a second}
        p99: {unit: ms, direction: minimize, about: of the time to an answer}
    space:
      batch: {choices: [1, 8, 64], default: 1, about: requests computed at once}
      cache: {choices: [small, large], default: small}
    objective:
      metric: throughput
      constraints: [{metric: p99, at_most_times_default: 3.0}]
    budget: {proposals: 5}
"""


@pytest.fixture
def serving(project):
    """The suite's path, and its cell; its table holds a failure too."""
    path = project / "suites" / "serving.yaml"
    path.write_text(SERVING)
    (cell,) = suite.load(path, project).cells
    rows = []
    for configuration in cell.space.grid():
        batch = configuration["batch"]
        ok = configuration != {"batch": 64, "cache": "large"}
        readings = [
            {"name": "throughput", "unit": "req/s", "samples": [10.0 + batch]},
            {"name": "p99", "unit": "ms", "samples": [100.0 + batch]},
        ]
        rows.append(
            {
                "configuration": key_of(configuration),
                "pass": 0,
                "status": "ok" if ok else "oom",
                "reason": "" if ok else "no memory",
                "readings": readings if ok else [],
                "facts": {},
            }
        )
    card = {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}
    tables.write(project / "results" / "tables" / "table" / f"{cell.id}.parquet", card, rows)
    return path, cell


def test_recorded_measurements_of_anything_are_replayed_and_printed(serving, cli):
    path, _ = serving

    done = cli("run", path, "--json")
    printed = json.loads(done.stdout)["tables"]["table"]

    assert done.returncode == 0, done.stderr
    assert printed["title"] == "Best configurations found among recorded measurements"
    found = {row["values"]["Method"]["text"]: row for row in printed["rows"]}
    best = found["default"]["values"]["throughput, req/s"]
    assert (best["number"], best["source"]) == (11.0, "replayed")
    assert found["random"]["values"]["Of the way"]["text"].endswith(" %")  # from 11 to 74


def test_its_prompt_is_made_of_what_the_suite_says(serving, project):
    _, cell = serving

    text = Prompts(project / "prompts").static(cell)

    assert "- requests of 512 tokens, as many at once as the server takes" in text
    assert "Maximize throughput (req/s): requests answered in a second." in text
    assert "- batch: 1, 8, 64 (default 1): requests computed at once" in text


@pytest.mark.parametrize("command", [("tabulate",), ("run", "--measure", "live")])
def test_nothing_of_it_is_measured_here(serving, cli, command):
    done = cli(*command, serving[0])

    assert done.returncode == 2
    assert "the track table measures nothing live" in done.stderr


def test_a_metric_that_its_suite_does_not_declare_is_refused(serving, cli):
    path, _ = serving
    path.write_text(SERVING.replace("metric: throughput", "metric: throughputs"))

    done = cli("suite", "validate", path)

    assert done.returncode == 2
    assert "no metric 'throughputs'. Did you mean 'throughput'?" in done.stderr


def test_a_limit_that_is_a_number_holds_for_every_method(serving, cli):
    path, _ = serving
    text = SERVING.replace("at_most_times_default: 3.0", "at_most: 150")
    more = "".join(f"  - {{name: {m}, optimizer: {m}}}\n" for m in ("tpe", "gp", "nsga2", "local"))
    path.write_text(text.replace("seeds: [0, 1]\n", f"{more}seeds: [0, 1]\n"))

    done = cli("run", path, "--json")
    rows = json.loads(done.stdout)["tables"]["table"]["rows"]

    assert done.returncode == 0, done.stderr
    found = {row["values"]["Method"]["text"]: row["values"] for row in rows}
    assert {"tpe", "gp", "nsga2", "local", "rules", "random"} <= found.keys()
    assert max(values["throughput, req/s"]["number"] for values in found.values()) == 18.0
    assert found["local"]["Of the way"]["text"] == "100.0 %"  # batch 64 answers within 164 ms


def test_a_constraint_without_a_form_is_refused_in_one_line(serving, cli):
    path, _ = serving
    path.write_text(SERVING.replace("at_most_times_default: 3.0", "at_most: 150, at_least: 1"))

    done = cli("suite", "validate", path)

    assert done.returncode == 2
    assert "p99: give one limit of at_most_times_default, at_most, at_least; at" in done.stderr
    assert len(done.stderr.splitlines()) == 1
