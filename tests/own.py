"""What tests of imported measurements share: a file of a server's, and the command that takes a
file in.
"""

from pathlib import Path
from typing import NamedTuple

import pytest
from command import Done, InProcess

from haqa_bench import suite
from haqa_bench.cell import Cell
from haqa_bench.space import key_of
from haqa_bench.store import tables

SERVING = """\
batch,cache,throughput,p99,status
1,small,11,101,ok
1,large,12,101,ok
8,small,18,108,ok
8,large,20,108,ok
64,small,74,164,ok
64,large,,,CUDA out of memory
"""
COLUMNS = ("--parameters", "batch,cache", "--metrics", "throughput:req/s:max,p99:ms:min")
STATUS = ("--status", "status")


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """What the package brings is there, as it is for everybody; a folder with nothing in it is a
    project then.
    """
    monkeypatch.delenv("HAQA_BENCH_SHIPPED", raising=False)


class Taken(NamedTuple):
    """How an import went; the cell that it made, and its table, where it went well."""

    done: Done
    cell: Cell | None
    table: tables.ResponseTable | None

    def value(self, metric: str, **configuration: object) -> float | str:
        """A metric of a configuration, or its status."""
        entry = self.table.entries[key_of(configuration)]
        known = {m.name: m.value for m in entry.measurements}
        return known.get(metric, entry.status.value)


def taken(folder: Path, content: str | bytes, *options: object, name: str = "data.csv") -> Taken:
    """Imports a file of this content into a project that is nothing but a folder."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    done = InProcess()("table", "import", file, *options, "--project", folder)
    found = sorted((folder / "suites").glob("*.yaml")) if done.returncode == 0 else []
    if not found:
        return Taken(done, None, None)
    (cell,) = suite.load(found[-1], folder).cells
    (path,) = (folder / "results/tables/table").glob(f"{cell.id}.parquet")
    return Taken(done, cell, tables.read(path))
