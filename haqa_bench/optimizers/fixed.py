"""One configuration that a suite states, after the default: what somebody else would have set.

The suite's `options:` are its values; where they leave a parameter out, it is the default's.
"""

from collections.abc import Sequence

from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.options import settled
from haqa_bench.protocols import Proposal
from haqa_bench.space import key_of
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class Fixed:
    """Proposes it once, unless it is the default."""

    start_up = 0

    def __init__(self, study: Study) -> None:
        space = study.cell.space
        self.settings = settled(study, **space.default)
        if problems := space.problems(self.settings):
            where = f"method '{study.method.name}': options"
            raise HaqaError(where, "; ".join(problems), f"They are of the space of {study.cell.id}")

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        tried = key_of(self.settings) in {trial.key for trial in history}
        return None if tried else Proposal(self.settings)
