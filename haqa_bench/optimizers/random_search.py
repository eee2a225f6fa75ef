"""Random search, without replacement as long as there is something new."""

from collections.abc import Sequence

from haqa_bench.optimizers.options import settled
from haqa_bench.optimizers.seeding import generator
from haqa_bench.optimizers.untried import untried
from haqa_bench.protocols import Proposal
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class RandomSearch:
    """Draws uniformly. Trial k's generator is seeded by (cell, seed, k) alone, so that a resumed
    study draws what it would have drawn, and cells of one space are not given the same luck.
    """

    start_up = 0

    def __init__(self, study: Study) -> None:
        self.cell, self.seed, self.settings = study.cell, study.seed, settled(study)

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        tried = {t.key for t in history}
        rng = generator(self.seed, len(history), self.cell.id)
        found = untried(self.cell.space, tried, rng)
        return None if found is None else Proposal(found)
