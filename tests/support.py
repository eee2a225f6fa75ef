"""What several tests share: a small project's suite and its made-up response table, ways to run and
to record it, and stand-ins of what measures.
"""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from endpoint import Endpoint, reply

from haqa_bench import suite
from haqa_bench.cli import app
from haqa_bench.project import Project, open_run
from haqa_bench.protocols import Outcome
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import Table
from haqa_bench.run import runner
from haqa_bench.run.executors.local import Serial
from haqa_bench.run.plan import Plan
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.tracks.replayed import TableEvaluator
from haqa_bench.trial import Measurement, Source

REPOSITORY = Path(__file__).parent.parent

SUITE = """\
name: small
models:
  Net: {gguf: package:none, architecture: llama, parameters: 1000}
methods:
  - {name: default, optimizer: default}
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
      n_threads: {choices: [1, 2], default: 2} # not in the alphabet's order
      format: {choices: [Q4_0, Q4_1, IQ4_NL], default: Q4_1}
    workload: {quality_text: text.txt}
    objective:
      metric: end_to_end_tokens_per_s
      unit: tokens/s
      constraints: [{metric: perplexity, at_most_times_default: 1.1}]
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


def small_project(folder: Path, text: str = SUITE) -> Path:
    """A folder with a small suite, its table, and the repository's prompts and profiles."""
    for name in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "suites").mkdir()
    (folder / "suites" / "small.yaml").write_text(text)
    (folder / "suites" / "text.txt").write_text("Words to be scored.")
    write_table(folder)
    return folder


def evaluator_of(project: Path) -> TableEvaluator:
    """The table of the small suite's cell as an evaluator."""
    cell = suite.load(project / "suites" / "small.yaml", project).cells[0]
    return TableEvaluator(
        tables.read(project / "results" / "tables" / "deploy" / f"{cell.id}.parquet"), cell
    )


def action(format: str, n_threads: object, thought: str = "try it") -> str:
    return json.dumps({"thought": thought, "action": {"format": format, "n_threads": n_threads}})


ANSWERS = [
    "no JSON here",
    action("Q4_0", 2),
    action("IQ4_NL", 1),
    action("Q4_0", 2),
    "<think>{}</think>```json\n" + action("IQ4_NL", 2) + "\n```",
    action("Q4_1", 1),
    action("IQ4_NL", 4),
    action("IQ4_NL", "2"),
    action("IQ4_NL", 2),
    "",
    action("Q4_1", 2),
]


def run(project, *options):
    result = CliRunner().invoke(
        app, ["run", str(project / "suites" / "small.yaml"), *options], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result


def record(project, *options):
    with Endpoint([reply(answer) for answer in ANSWERS]) as endpoint:
        run(
            project,
            "--agent",
            "live",
            "--base-url",
            endpoint.base_url,
            "--answered-by",
            "a script",
            *options,
        )
        return endpoint


def plan(project, **changes):
    path = project / "suites" / "small.yaml"
    loaded = suite.load(path, project)
    return Plan(loaded, project, loaded.studies(), **changes)


DEFAULT = {"n_threads": 2, "format": "Q4_1"}
WINNER = {"n_threads": 2, "format": "IQ4_NL"}


class Device:
    """A machine that says what it was asked; `speed(configuration, call)` is what it measures,
    `others` what disturbs it.
    """

    machine = "a test machine"

    def __init__(self, speed, others=lambda call: 0.0):
        self.speed, self.others, self.calls = speed, others, []

    def sample(self, configuration, repeat):
        assert repeat > 0  # 0 would ask for quality too
        self.calls.append(dict(configuration))
        call = len(self.calls) - 1
        speed = reading("end_to_end_tokens_per_s", "tokens/s", self.speed(configuration, call))
        return Outcome((speed, reading("others_share", "1", self.others(call))), {})


def reading(name, unit, *samples):
    return Measurement(
        name=name,
        value=samples[0],
        unit=unit,
        source=Source.MEASURED,
        samples=samples,
        used=len(samples),
    )


class Live(Device):
    """The small suite's table, as if it were measured now; pairs by `speed`."""

    def __init__(self, table, speed):
        super().__init__(speed)
        self.measure, self.whole = table.measure, None


NASTY = (
    "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)> "
    "<!-- & \u2028 ]]>"
)


def replayed(project: Path) -> Path:
    what = plan(project)
    list(runner.run(what, what.folder, Serial()))
    return what.folder


def written(*runs: Path, name: str = "page.html") -> str:
    target = runs[0] / name
    result = CliRunner().invoke(
        app, ["report", *map(str, runs), "--html", str(target)], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert result.stdout == f"Written to {target}\n"
    return target.read_text("utf-8")


TRAINING_SUITE = """\
name: train
models:
  Net: {network: resnet20, architecture: resnet, parameters: 272474}
methods: [{name: default, optimizer: default}, {name: random, optimizer: random}]
seeds: [0]
cells:
  - track: qat
    models: [Net]
    bit_widths: [BITS]
    hardware: [epyc-zen4-2core]
    space:
      learning_rate: {choices: [0.01, 0.1, 1e20], default: 0.1}
      batch_size: {choices: [32], default: 32}
    workload: {data: cifar10, images: 64, epochs: 1, held_out: 100, timeout_s: 300.0}
    measurement: {tests: 2}
    objective: {metric: valid_accuracy, unit: "%", direction: maximize}
    budget: {proposals: 3}
"""


def write_images(folder, per_class):
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, count in per_class.items():
        with zipfile.ZipFile(folder / "cifar10" / f"{part}.zip", "w") as archive:
            for label in range(10):
                for number in range(count):
                    noise = rng.integers(0, 20, (32, 32, 3)) + 20 * label
                    out = io.BytesIO()
                    Image.fromarray(noise.astype(np.uint8)).save(out, "JPEG")
                    archive.writestr(f"class{label}/{number:04}.jpg", out.getvalue())


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
