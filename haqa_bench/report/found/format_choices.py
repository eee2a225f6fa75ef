"""Which format each study chose, of cells whose bit-width is a decision."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report import statistics, traits


class _Row(NamedTuple):
    cell: str
    method: str
    optimizer: str
    answered_by: str
    samples: str
    optimum: float | None
    best: str | None
    value: float | None
    first: str | None
    source: str | None


class FormatChoice(NamedTuple):
    """What one study chose: its best configuration's format, and the one that it proposed first;
    None where there is none. `samples` are those of each format's best in the response table.
    """

    cell: str
    method: str
    optimizer: str
    answered_by: str
    samples: Mapping[str, Sequence[float]]
    optimum: float | None
    best: str | None
    value: float | None
    first: str | None
    source: str

    @property
    def regret(self) -> float | None:
        """See statistics.regret."""
        return statistics.regret(self.value, self.optimum)


class Fact(NamedTuple):
    """A configuration that was measured, in JSON, and what its trial tells of it."""

    cell: str
    configuration: str
    facts: str
    value: float


def deciding(run: Run) -> list[str]:
    """The cells of a run whose bit-width is a decision."""
    return [name for name, cell in run.cells.items() if traits.decides_bits(cell)]


def format_choices(run: Run) -> list[FormatChoice]:
    """What each study chose, of cells whose response table was replayed."""
    return [_choice(row) for row in run.rows("format_choices", _Row, deciding(run))]


def facts(run: Run) -> list[Fact]:
    """What was measured, once for each configuration, of cells whose bit-width is a decision."""
    return run.rows("facts", Fact, deciding(run))


def _choice(row: _Row) -> FormatChoice:
    read = row._asdict() | {
        "samples": json.loads(row.samples),
        "best": _format(row.best),
        "first": _format(row.first),
        "source": row.source or "none",
    }
    return FormatChoice(**read)


def _format(configuration: str | None) -> str | None:
    """The format of a configuration in JSON; None for an invalid proposal too."""
    read = json.loads(configuration) if configuration else None
    return str(read["format"]) if read else None
