"""How a report's time grows with the number of trials: 10,000, 100,000 and 1,000,000 synthetic ones
in a run's database.

    python benchmarks/report_growth.py suites/llama.yaml

Studies of 100 trials each, their values drawn at random, on the suite's deploy cells with the
methods that need no LLM. Printed: seconds of making all tables, and how many times as long ten
times as many trials take (10 is linear). No number of it is a result of anything.
"""

import tempfile
import time
from importlib.resources import files
from pathlib import Path

import click
import duckdb

from haqa_bench import suite
from haqa_bench.cli.options import project_of
from haqa_bench.documents import canonical
from haqa_bench.project import Project, open_run
from haqa_bench.report import formats
from haqa_bench.report.tables import catalogue
from haqa_bench.space import key_of
from haqa_bench.store.database import NAME

PER_STUDY = 100
SIZES = (10_000, 100_000, 1_000_000)
METRIC, UNIT = "end_to_end_tokens_per_s", "tokens/s"


@click.command()
@click.argument("suite_path", type=click.Path(path_type=Path))
def main(suite_path: Path) -> None:
    project = project_of(suite_path, None)
    loaded = suite.load(suite_path, project)
    before = None
    for trials in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            _synthesize(Path(folder), loaded, trials)
            started = time.perf_counter()
            with open_run(Path(folder)) as run:
                made = catalogue.tables(run, Project(project))
            text = formats.several(made, "md")
            seconds = time.perf_counter() - started
        times = f", {seconds / before:.1f} times as long" if before else ""
        click.echo(
            f"{trials:>9,} trials: {seconds:6.2f} s{times} ({len(made)} tables, "
            f"{len(text):,} characters)"
        )
        before = seconds


def _synthesize(folder: Path, loaded: suite.Suite, trials: int) -> None:
    """A run's folder with so many trials in its database."""
    (folder / "lock.json").write_bytes(canonical(loaded.model_dump(mode="json")))
    cells = [c for c in loaded.cells if c.track == "deploy"]
    methods = [m for m in loaded.methods if m.chat is None]
    each = trials // PER_STUDY // (len(cells) * len(methods))
    with duckdb.connect(str(folder / NAME)) as connection:
        connection.execute(files("haqa_bench.store").joinpath("schema.sql").read_text())
        for cell in cells:
            for method in methods:
                named = [
                    loaded.name,
                    cell.id,
                    cell.track,
                    cell.model_name,
                    cell.bit_width,
                    cell.hardware.name,
                    method.name,
                    method.optimizer,
                ]
                connection.execute(_STUDIES, [*named, loaded.lock, METRIC, UNIT, each])
        connection.execute(_TRIALS, [key_of(cells[0].space.default), PER_STUDY])
        connection.execute(_MEASUREMENTS, [METRIC, UNIT])


_STUDIES = """
INSERT INTO studies
SELECT format('{}/{}/{}/seed{}', $1, $2, $7, seed), $1, $2, $3, $4, $5, $6, $7, $8,
       '{}', seed, '', '', 120.0, NULL, '{}', $9, $10, $11,
       'maximize', 1
FROM range($12) r(seed)
"""
_TRIALS = """
INSERT INTO trials
SELECT s.id, number, 'ok', '', NULL, 1, $1, '', '{}', v.value, v.value, [v.value], true, 1, 2.0,
       NULL, NULL, NULL, NULL
FROM studies s, range($2) r(number),
     LATERAL (SELECT 50 + 70 * (hash(s.id, number) / 18446744073709551615.0)) v(value)
"""
_MEASUREMENTS = (
    "INSERT INTO measurements SELECT study, number, $1, value, $2, 'replayed', [value, "
    "value], 2 FROM trials"
)


if __name__ == "__main__":
    main()
