"""Random search, without replacement as long as there is something new."""

import random
from collections.abc import Sequence

from haqa_bench.documents import sha256
from haqa_bench.protocols import Proposal
from haqa_bench.space import key_of
from haqa_bench.suite import Study
from haqa_bench.trial import Trial


class RandomSearch:
    """Draws uniformly. Trial k's generator is seeded by (seed, k) alone, so that a resumed study draws what it would have drawn."""

    def __init__(self, study: Study) -> None:
        self.space, self.seed = study.cell.space, study.seed

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        rng = random.Random(sha256({"seed": self.seed, "trial": len(history)}))
        tried = {key_of(t.configuration) for t in history if t.configuration is not None}
        if len(tried) == self.space.size:
            return None
        while key_of(configuration := self.space.sample(rng)) in tried:
            pass
        return Proposal(configuration)
