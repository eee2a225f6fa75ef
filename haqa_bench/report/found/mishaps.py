"""What of a run is missing or was wasted, and why: studies that failed, and invalid proposals."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report.found import refused

MANY = 0.2
"""The share of invalid proposals from which on a method's are told of."""


class Failed(NamedTuple):
    """A study that a fault ended."""

    study: str
    cell: str
    method: str
    what: str


class Invalid(NamedTuple):
    """The invalid ones of a method's proposals in a run; `alike` have the commonest `reason`."""

    method: str
    cells: Sequence[str]
    proposed: int
    invalid: int
    reason: str
    alike: int


def sentences(run: Run, cells: Collection[str]) -> list[str]:
    """What readers of a table of these cells have to know.

    Raises:
        HaqaError: the database cannot be read.
    """
    failed = [one for one in run.rows("failures", Failed) if one.cell in cells]
    methods = dict.fromkeys(one.method for one in failed)
    missing = [_missing([one for one in failed if one.method == name]) for name in methods]
    missing += refused.sentences(run, cells)
    return missing + [
        _invalid(one)
        for one in run.rows("invalid", Invalid)
        if one.invalid > MANY * one.proposed and set(one.cells) & set(cells)
    ]


def failed_cells(run: Run) -> set[str]:
    """The cells of studies that failed."""
    return {one.cell for one in run.rows("failures", Failed)}


def _missing(failed: Sequence[Failed]) -> str:
    first = failed[0]
    many = f"{len(failed)} studies failed and are" if len(failed) > 1 else "a study failed and is"
    return f"{first.method}: {many} missing here; {first.study}: {first.what}."


def _invalid(found: Invalid) -> str:
    share = 100 * found.invalid / found.proposed
    return (
        f"{found.method}: {found.invalid} of {found.proposed} proposals in this run are invalid "
        f"({share:.0f} %), {found.alike} of them since: {found.reason}."
    )
