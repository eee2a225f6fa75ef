"""The best of each cell and method, from a run's database."""

from collections.abc import Sequence
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.report import traits


class Best(NamedTuple):
    """A cell and method. Values in the objective's unit; speed_up is the median over studies of
    best over the same study's default. `samples` are, in JSON, those of each format's best in the
    response table.
    """

    track: str
    cell: str
    model: str
    bit_width: str
    hardware: str
    method: str
    optimizer: str
    metric: str
    unit: str
    direction: str
    studies: int
    default_value: float | None
    default_samples: int | None
    best: float | None
    worst_study: float | None
    best_study: float | None
    speed_up: float | None
    of_optimum: float | None
    optimum: float | None
    samples: str
    source: str | None
    answered_by: str
    proposed: int
    invalid: int
    failed: int
    repeated: int
    cut_off: int
    machine: str
    winners: Sequence[str]
    """The best configuration of each study that found a feasible one, in JSON."""
    default_configuration: str

    @property
    def is_default(self) -> bool:
        """Whether it is the default, which nobody proposed."""
        return self.optimizer == "default"


def best(run: Run) -> list[Best]:
    """Every cell and method of a run; cells by track, and by the part of a model that they are of.

    Raises:
        HaqaError: the database cannot be read.
    """

    def order(row: Best) -> tuple[str, str]:
        part = ""
        with run.leaving_out(run.cells[row.cell], "asked for its table"):
            part = traits.part(run.cells[row.cell])
        return row.track, part

    return sorted(run.rows("best", Best), key=order)
