"""Studies as data frames: one row a trial.

Such a frame holds all that a comparison needs. It can be cut down, joined with others, stored as
Parquet and read again, and still be compared (haqa_bench.api.comparing).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench.api import columns
from haqa_bench.report import statistics
from haqa_bench.study import Study
from haqa_bench.trial import Measurement, Objective, Trial

if TYPE_CHECKING:
    import pandas as pd

STUDY = ("suite", "cell", "method", "optimizer", "seed", "answered_by")
TRIAL = (
    "number",
    "configuration",
    "status",
    "reason",
    "repeat_of",
    "feasible",
    "value",
    "best",
    "regret",
    "rank",
)
ABOUT = ("metric", "unit", "direction", "optimum", "n", "source")
SPENT = ("seconds", "llm_seconds", "prompt_tokens", "completion_tokens", "dollars", "thought")
OURS = (*STUDY, *TRIAL, *ABOUT, *SPENT)


class Done(NamedTuple):
    """A study's trials. `optimum` is the best value of the whole response table, where one was
    replayed; `answered_by` says who its LLM was, empty where there is none.
    """

    study: Study
    trials: Sequence[Trial]
    optimum: float | None
    answered_by: str = ""


class Row(NamedTuple):
    """A trial of a study: whether it counts, and the best value up to it, in its unit."""

    done: Done
    trial: Trial
    feasible: bool
    best: float | None

    @property
    def objective(self) -> Objective:
        """What its study optimises."""
        return self.done.study.cell.objective

    @property
    def goal(self) -> Measurement | None:
        """The measurement of what is optimised; None where there is none."""
        metric = self.objective.metric
        return next((m for m in self.trial.measurements if m.name == metric), None)


def frame(found: Sequence[Done]) -> "pd.DataFrame":
    """One row a trial, in the order of the studies. `haqa_bench.optimize` says what the columns
    are; `attrs["units"]` has the unit of each metric.
    """
    import pandas as pd

    rows = [row for done in found for row in _rows(done)]
    measured = [row.trial.measurements for row in rows]
    names = dict.fromkeys(name for done in found for name in done.study.cell.space.root)
    data = {
        **_of_study(rows),
        "number": pd.Series([row.trial.number for row in rows], dtype="int64"),
        **columns.of_parameters([row.trial.configuration for row in rows], names, OURS),
        **_of_trial(rows),
        **_about(rows),
        **columns.of_metrics(measured, OURS),
        **_spent([row.trial for row in rows]),
    }
    made = pd.DataFrame(data)
    made.attrs["units"] = dict(columns.units(measured, OURS))
    return made


def _rows(done: Done) -> Iterator[Row]:
    objective, best = done.study.cell.objective, None
    for trial in done.trials:
        score = objective.score(trial)
        feasible = score is not None and not objective.violations(trial, done.trials[0])
        if feasible and (best is None or (score or 0.0) > best[0]):
            best = (score or 0.0, trial.value(objective.metric))
        yield Row(done, trial, feasible, best[1] if best else None)


def _of_study(rows: Sequence[Row]) -> dict[str, object]:
    import pandas as pd

    studies = [row.done.study for row in rows]
    return {
        "suite": [study.suite for study in studies],
        "cell": [study.cell.id for study in studies],
        "method": [study.method.name for study in studies],
        "optimizer": [study.method.optimizer for study in studies],
        "seed": pd.Series([study.seed for study in studies], dtype="int64"),
        "answered_by": [row.done.answered_by for row in rows],
    }


def _of_trial(rows: Sequence[Row]) -> dict[str, object]:
    return {
        "configuration": [row.trial.key for row in rows],
        "status": [row.trial.status.value for row in rows],
        "reason": [row.trial.reason for row in rows],
        "repeat_of": columns.counts([row.trial.repeat_of for row in rows]),
        "feasible": [row.feasible for row in rows],
        "value": columns.numbers([row.goal.value if row.goal else None for row in rows]),
        "best": columns.numbers([row.best for row in rows]),
        "regret": columns.numbers([statistics.regret(row.best, row.done.optimum) for row in rows]),
        "rank": columns.counts([row.trial.rank for row in rows]),
    }


def _about(rows: Sequence[Row]) -> dict[str, object]:
    return {
        "metric": [row.objective.metric for row in rows],
        "unit": [row.objective.unit for row in rows],
        "direction": [row.objective.direction for row in rows],
        "optimum": columns.numbers([row.done.optimum for row in rows]),
        "n": columns.counts([row.goal.used if row.goal else None for row in rows]),
        "source": [row.goal.source.value if row.goal else None for row in rows],
    }


def _spent(trials: Sequence[Trial]) -> dict[str, object]:
    usages = [trial.usage for trial in trials]
    return {
        "seconds": columns.numbers([trial.seconds for trial in trials]),
        "llm_seconds": columns.numbers([u.seconds if u else None for u in usages]),
        "prompt_tokens": columns.counts([u.prompt_tokens if u else None for u in usages]),
        "completion_tokens": columns.counts([u.completion_tokens if u else None for u in usages]),
        "dollars": columns.numbers([u.dollars if u else None for u in usages]),
        "thought": [trial.thought for trial in trials],
    }
