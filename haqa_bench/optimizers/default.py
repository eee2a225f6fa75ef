"""The baseline that tunes nothing: the default configuration (trial 0), and nothing more."""

from collections.abc import Sequence

from haqa_bench.optimizers.options import settled
from haqa_bench.protocols import Proposal
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class Default:
    """Never proposes: every study's trial 0 already is the default."""

    start_up = 0

    def __init__(self, study: Study) -> None:
        self.settings = settled(study)

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        return None
