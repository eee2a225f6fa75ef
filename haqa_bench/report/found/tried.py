"""Which configurations studies measured, and what each gave."""

from typing import NamedTuple

from haqa_bench.project import Run


class Tried(NamedTuple):
    """A configuration that a study measured, in JSON; number 0 is the default. `value` is in the
    objective's unit, `best` whether it is the best of its study.
    """

    cell: str
    method: str
    seed: int
    number: int
    configuration: str
    value: float
    best: bool


def tried(run: Run) -> list[Tried]:
    """All of a run, without what a study repeated.

    Raises:
        HaqaError: the database cannot be read.
    """
    return run.rows("tried", Tried)
