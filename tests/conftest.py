"""A small project to run in: a suite of one cell with six configurations, its response table,
prompts and a profile.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from haqa_bench import suite
from haqa_bench.project import Project, open_run
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import Table
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.tracks.replayed import TableEvaluator

REPOSITORY = Path(__file__).parent.parent

SUITE = """\
name: small
models:
  Net: {gguf: package:none, architecture: llama, parameters: 1000}
methods:
  - {name: human, optimizer: human}
  - {name: random, optimizer: random}
  - name: haqa
    optimizer: haqa
    chat: {model: test-model, temperature: 0.0}
seeds: [0, 1]
cells:
  - track: deploy
    models: [Net]
    bit_widths: [INT4]
    hardware: [epyc-zen4-2core]
    space:
      n_threads: {choices: [1, 2], default: 2} # not in the alphabet's order, which journals are written in
      format: {choices: [Q4_0, Q4_1, IQ4_NL], default: Q4_1}
    workload: {quality_text: text.txt}
    objective: {metric: end_to_end_tokens_per_s, unit: tokens/s, constraints: [{metric: perplexity, at_most_times_default: 1.1}]}
    budget: {proposals: 5}
"""

SPEEDS = {"Q4_0": 100.0, "Q4_1": 60.0, "IQ4_NL": 80.0}


def rows(cell: suite.Cell, scale: float = 1.0) -> list[dict]:
    """A made-up response: two passes; IQ4_NL with one thread crashes; Q4_0 is quick but breaks the
    constraint.
    """
    found = []
    for configuration in cell.space.grid():
        speed = scale * SPEEDS[configuration["format"]] * configuration["n_threads"] / 2
        crashed = configuration == {"format": "IQ4_NL", "n_threads": 1}
        for number in (0, 1):
            readings = [
                {
                    "name": "end_to_end_tokens_per_s",
                    "unit": "tokens/s",
                    "samples": [speed, speed * 0.9],
                },
                {
                    "name": "perplexity",
                    "unit": "1",
                    "samples": [23.0 if configuration["format"] == "Q4_0" else 20.0],
                },
            ]
            status = (
                {"status": "crashed", "reason": "exit code 1"}
                if crashed
                else {"status": "ok", "reason": ""}
            )
            row = {
                "configuration": key_of(configuration),
                "pass": number,
                "readings": [] if crashed else readings,
                "facts": {},
            }
            found.append(row | status)
    return found


def write_table(project: Path, scale: float = 1.0) -> Path:
    cell = suite.load(project / "suites" / "small.yaml", project).cells[0]
    path = project / "results" / "tables" / "deploy" / f"{cell.id}.parquet"
    tables.write(
        path,
        {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")},
        rows(cell, scale),
    )
    return path


def evaluator_of(project: Path) -> TableEvaluator:
    """The table of the small suite's cell as an evaluator."""
    cell = suite.load(project / "suites" / "small.yaml", project).cells[0]
    return TableEvaluator(
        tables.read(project / "results" / "tables" / "deploy" / f"{cell.id}.parquet"), cell
    )


def action(format: str, n_threads: object, thought: str = "try it") -> str:
    return json.dumps({"thought": thought, "action": {"format": format, "n_threads": n_threads}})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "small.yaml").write_text(SUITE)
    (tmp_path / "suites" / "text.txt").write_text("Words to be scored.")
    write_table(tmp_path)
    return tmp_path


def tables_of(folder: Path, project: Path = REPOSITORY) -> dict[str, Table]:
    """The tables of a run, beside what a project says was published."""
    with open_run(folder) as run:
        return catalogue.tables(run, Project(project))


def row_texts(table: Table) -> list[dict[str, str]]:
    """Every row of a table as it is printed, by heading."""
    return [dict(zip(table.headings, row, strict=True)) for row in table.cells]


def printed_rows(told: dict) -> list[dict[str, str]]:
    """The same of a table that was read from JSON."""
    return [{h: value["text"] for h, value in row["values"].items()} for row in told["rows"]]


@pytest.fixture(autouse=True)
def own_machine(tmp_path_factory, monkeypatch):
    """Tests do not wait for, or disturb, a run that really measures this machine: its lock lies in
    the folder for temporary files.
    """
    folder = str(tmp_path_factory.mktemp("machine"))
    monkeypatch.setattr(tempfile, "tempdir", folder)
    monkeypatch.setenv("TMPDIR", folder)


@pytest.fixture
def cli():
    """The real command, in a process of its own."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "haqa_bench", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
        )

    return call
