"""A study that has been run, in this process."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from haqa_bench.api.cell import Cell
from haqa_bench.api.trials import Done, frame
from haqa_bench.study import Study
from haqa_bench.trial import Trial

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Studied:
    """The trials of one method on one cell with one seed. Trial 0 is the default. It can be
    iterated, and len() counts its trials.
    """

    cell: Cell
    study: Study
    trials: tuple[Trial, ...]
    answered_by: str = ""
    """Who its LLM was, as the recording says; empty where there is none."""

    @property
    def best(self) -> Trial | None:
        """The best trial that was measured and breaks no constraint; None where none did."""
        return self.cell.objective.best(self.trials)

    @property
    def value(self) -> float | None:
        """The best trial's value of the objective, in its unit."""
        return self.best.value(self.cell.objective.metric) if self.best else None

    def to_frame(self) -> "pd.DataFrame":
        """One row a trial; its columns are those of `optimize`."""
        return frame([done(self)])

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        found = "nothing feasible" if self.value is None else f"best {self.value:g}"
        return f"<Studied {self.study.id}: {len(self)} trials, {found}>"


def done(study: Studied) -> Done:
    """A study as a part of a frame."""
    whole = study.cell.evaluator.whole
    optimum = whole.optimum if whole else None
    return Done(study.study, study.trials, optimum, study.answered_by)
