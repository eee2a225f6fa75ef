"""Holds the source of a space as it comes, for every method that may not rewrite it: the method
sees the space without it, and so draws the numbers that it draws there.
"""

from collections.abc import Mapping, Sequence

from haqa_bench.parameters.code import AS_IT_COMES
from haqa_bench.protocols import Optimizer, Proposal
from haqa_bench.space import Scalar
from haqa_bench.study import Study
from haqa_bench.trial import Status, Trial


def rewrites(study: Study) -> bool:
    """Whether a study's method may propose sources: its cell's space has one, and it may."""
    return study.method.rewrites and study.cell.space.code is not None


def without_source(study: Study) -> Study:
    """A study as its method sees it that may not rewrite."""
    if study.cell.space.code is None or rewrites(study):
        return study
    return study._replace(cell=study.cell.model_copy(update={"space": study.cell.space.held}))


class Held:
    """An optimizer of a space without its source, as one of the whole space."""

    def __init__(self, optimizer: Optimizer, source: str) -> None:
        self.optimizer, self.source = optimizer, source
        self.settings: Mapping[str, Scalar] = optimizer.settings
        self.start_up = optimizer.start_up

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer. It adds the source as it comes to what is proposed."""
        found = self.optimizer.ask(tuple(self._seen(trial) for trial in history))
        if not isinstance(found, Proposal) or not isinstance(found.configuration, Mapping):
            return found
        return found._replace(configuration={**found.configuration, self.source: AS_IT_COMES})

    def _seen(self, trial: Trial) -> Trial:
        """A trial without its source; of another source, which a fork may begin with, nothing."""
        if trial.configuration is None:
            return trial
        own = {n: value for n, value in trial.configuration.items() if n != self.source}
        update: dict[str, object] = {"configuration": own}
        if trial.configuration.get(self.source, AS_IT_COMES) != AS_IT_COMES:
            update = {"configuration": None, "status": Status.INVALID, "measurements": ()}
        seen = trial.model_copy(update=update)
        seen.__dict__.pop("key", None)  # that of the whole configuration
        return seen
