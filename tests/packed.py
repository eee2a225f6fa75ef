"""A pack of real measurements, and ways to change it: what tests of contributed results share."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from support import REPOSITORY

from haqa_bench import disk, suite
from haqa_bench.packs import checked, taken
from haqa_bench.project import Project
from haqa_bench.protocols import Outcome
from haqa_bench.store import journal, manifest
from haqa_bench.tracks.repeats import estimated

CELL = "smollm2-135m-fp32-epyc-zen4-2core-rope"
TABLE = f"results/tables/kernel/{CELL}.parquet"
PAIRS = f"results/confirmed/kernel/{CELL}.jsonl"
PROFILE = "hardware/epyc-zen4-2core.yaml"
FORM = """\
contributor: anonymous
licence: CC-BY-4.0
machine: a virtual machine of two cores in a data centre
what_else_ran: nothing beside the measurement itself
consent_to_publish: true
"""


def kernels_project(folder: Path, results: bool) -> Project:
    """A project of the suite kernels, with what was measured of one cell or without."""
    for name in ("prompts", "hardware"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "suites").mkdir()
    shutil.copy(REPOSITORY / "suites/kernels.yaml", folder / "suites")
    for name in (TABLE, PAIRS) if results else ():
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / name, folder / name)
    return Project(folder)


def cell_of(project: Project):
    loaded = suite.load(project.folder / "suites/kernels.yaml", project.folder)
    return loaded, next(cell for cell in loaded.cells if cell.id == CELL)


def good_pack(project: Project, target: Path) -> Path:
    """A pack of the table and the pairs that were measured on this project's machine."""
    loaded, cell = cell_of(project)
    found = taken.from_tables(loaded, [cell], project, "")
    for name, data in taken.sealed(found, FORM).items():
        disk.write(target / name, data)
    return target


def sealed_again(pack: Path) -> None:
    """Makes the manifest anew, as somebody would who wants a changed pack to pass."""
    paths = sorted(p for p in pack.rglob("*") if p.is_file())
    names = [p.relative_to(pack).as_posix() for p in paths]
    lines = [
        f"{hashlib.sha256((pack / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name not in (manifest.NAME, "FORM.yaml")
    ]
    (pack / manifest.NAME).write_text("".join(lines))


Rows = list[dict]


def change_rows(change: Callable[[Rows], object], card: Callable[[dict], object] = lambda c: None):
    """Changes rows, and the card, of the pack's table."""

    def made(pack: Path) -> None:
        table = pq.read_table(pack / TABLE)
        rows, told = table.to_pylist(), json.loads(table.schema.metadata[b"haqa_bench"])
        change(rows)
        card(told)
        schema = table.schema.with_metadata({"haqa_bench": json.dumps(told, sort_keys=True)})
        columns = {name: [row[name] for row in rows] for name in schema.names}
        pq.write_table(pa.table(columns, schema), pack / TABLE)

    return made


def samples_of(row: dict, name: str) -> list[float]:
    return next(r["samples"] for r in row["readings"] if r["name"] == name)


def set_samples(row: dict, name: str, samples: list[float]) -> None:
    next(r for r in row["readings"] if r["name"] == name)["samples"] = samples


def every_sample(name: str, new: Callable[[float], float]):
    def change(rows: Rows) -> None:
        for row in rows:
            if row["status"] == "ok":
                set_samples(row, name, [new(sample) for sample in samples_of(row, name)])

    return change_rows(change)


def change_json(name: str, change: Callable[[dict], object]):
    def made(pack: Path) -> None:
        told = json.loads((pack / name).read_text())
        change(told)
        (pack / name).write_text(json.dumps(told))

    return made


def change_lines(name: str, change: Callable[[list[dict]], object]):
    """Changes the lines of a journal, and chains them anew."""

    def made(pack: Path) -> None:
        lines = [json.loads(line) for line in (pack / name).read_text().splitlines()]
        kept = [{k: v for k, v in line.items() if k != "chain"} for line in lines]
        kept = [line for line in kept if line["kind"] != "end"]
        change(kept)
        (pack / name).write_bytes(journal.finished(kept))

    return made


def change_text(name: str, old: str, new: str):
    def made(pack: Path) -> None:
        text = (pack / name).read_text()
        assert old in text
        (pack / name).write_text(text.replace(old, new))

    return made


class Kernel:
    """Measures a kernel as a machine of its own would: times by configuration, with noise."""

    whole = None
    machine = "AMD EPYC, 2 logical cores"

    def __init__(self, scale: float = 1.0, seed: int = 0):
        self.scale, self.random = scale, random.Random(seed)

    def measure(self, configuration):
        return self.sample(configuration, 0)

    def sample(self, configuration, repeat):
        known = 100 + 7 * sum(map(float, configuration.values())) % 90
        times = tuple(self.scale * known * self.random.uniform(1, 1.03) for _ in range(6))
        readings = {("time_us", "us"): times, ("error", "1"): (1e-7,)}
        facts = {"device": "pthread-AMD EPYC", "driver": "3.0", "pyopencl": "2026.1"}
        return Outcome(estimated(readings), facts, 0.01)


def broken(pack, project) -> dict[str, str]:
    """The rules that are broken, with what is told of each."""
    found = checked.check(pack, project)
    return {j.name: " ".join(map(str, j.problems)) for j in found if j.status != "ok"}
