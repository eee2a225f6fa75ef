"""What a tuning could not measure."""

from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report.tables.table import count


class Failed(NamedTuple):
    """How many configurations failed alike, and why."""

    status: str
    why: str
    alike: int


def told(run: Run) -> str:
    """How many configurations failed, and why the most of them did; nothing where none failed."""
    found = run.rows("failed", Failed)
    if not found:
        return ""
    total, first = sum(one.alike for one in found), found[0]
    some = f"; {first.alike} of them" if first.alike < total else ""
    many = count(total, "configurations", "configuration")
    return f"{many} failed{some}: {first.status}: {first.why.rstrip('.')}."
