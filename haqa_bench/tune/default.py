"""A tuning whose default cannot be measured ends there: nothing can be held against it."""

import shutil

from haqa_bench.errors import HaqaError, Status
from haqa_bench.run.plan import Plan
from haqa_bench.store import database
from haqa_bench.store.journal import Journal
from haqa_bench.trial import Trial


def unmeasured(status: str, reason: str) -> HaqaError:
    """What a user is told of such a default."""
    what = f"could not be measured: {status}: {reason}"
    return HaqaError("the default configuration", what, "Mend that, and repeat the command")


def check(trial: Trial) -> None:
    """Raises HaqaError for a default that could not be measured."""
    if trial.number == 0 and trial.status != Status.OK:
        raise unmeasured(trial.status, trial.reason)


def begin_anew(plan: Plan) -> None:
    """Forgets the run of a tuning whose default could not be measured: what was in its way may be
    mended.
    """
    (study,) = plan.studies
    journal = Journal(plan.folder / "journal" / study.cell.id / study.file.name)
    trials = database.trials(journal.path, journal.entries)
    if trials and trials[0].status != Status.OK:
        shutil.rmtree(plan.folder)
