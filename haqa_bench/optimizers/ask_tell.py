"""A base for methods that keep what they have seen, as ask/tell libraries do.

A study hands its optimizer the whole history at each ask, so that a killed study goes on as if it
had never stopped. Libraries such as Nevergrad, scikit-optimize or Optuna keep a history of their
own instead. `AskTell` stands between the two: it tells each trial once, and tells a fresh object
all that happened before.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from haqa_bench.optimizers.options import settled
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar
from haqa_bench.study import Study
from haqa_bench.trial import Trial


class AskTell:
    """An optimizer made of three methods; inherit from it, and write them.

    `start` makes what proposes, `suggest` gives a configuration, `observe` is told what became of
    it. Draw random numbers from `study.seed` alone. In a study, the order is always start, observe
    (the default, trial 0, which nobody suggested), suggest, observe, suggest, ... Where a study
    goes on after it was stopped, a fresh object goes through the same order with the trials that
    there are: its suggestions are asked for again and not measured again.
    """

    settings: Mapping[str, Scalar] = MappingProxyType({})
    """Of a class: its defaults, which a suite's `options:` may change. Of an object: what takes
    effect."""
    start_up: int = 0
    """How many trials it needs before a suggestion is more than a random draw."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.settings = settled(study, **type(self).settings)
        self.worst = 0.0
        """The worst score observed so far, 0 before there is one: what to tell a library of a
        failure, if it must be told a number."""
        self._scored = False
        self._told: tuple[Trial, ...] = ()
        self._pending: list[Configuration | None] = []
        self.start(study)

    def start(self, study: Study) -> None:
        """Makes what proposes, from the study's cell (space, objective, budget) and its seed.
        Forgets what was observed before: it is called again where a history is another one's.
        """
        raise NotImplementedError(f"{type(self).__name__} has no start")

    def suggest(self) -> Configuration | None:
        """The next configuration to try; None when done. Values may be another library's numbers.
        What is outside the space costs a trial, and is observed without a score.
        """
        raise NotImplementedError(f"{type(self).__name__} has no suggest")

    def observe(self, configuration: Configuration, score: float | None, trial: Trial) -> None:
        """Is told what became of a configuration: of the last suggestion, or, at trial 0, of the
        default.

        `score` is of the objective (its first goal), larger is better whatever the metric's
        direction. It is None where the trial does not count: `trial.status` is `invalid` (outside
        the space), or says why it could not be measured, or is `ok` and a constraint was broken. A
        repeat of an earlier trial has that one's score, and `trial.repeat_of`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no observe")

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer.

        Raises:
            TypeError: `suggest` gave neither a configuration nor None.
        """
        if self._told != tuple(history[: len(self._told)]):
            self._restart()
        for trial in history[len(self._told) :]:
            self._tell(trial, history[0])
        self._told = tuple(history)
        suggestion = self._suggestion()
        return None if suggestion is None else Proposal(suggestion)

    def _restart(self) -> None:
        self._told, self._pending = (), []
        self.worst, self._scored = 0.0, False
        self.start(self.study)

    def _suggestion(self) -> Configuration | None:
        """What is suggested after what was told; asked for once."""
        if not self._pending:
            self._pending.append(self._meant(self.suggest()))
        return self._pending[0]

    def _meant(self, suggestion: object) -> Configuration | None:
        """A suggestion with the space's own values; a copy, which stays as it is."""
        found = self.study.cell.space.meant(suggestion)
        if found is not None and not isinstance(found, Mapping):
            raise TypeError(f"suggest gave a {type(found).__name__}, not a configuration or None")
        return found

    def _tell(self, trial: Trial, default: Trial) -> None:
        suggested = self._suggestion() if trial.number else None
        self._pending.clear()
        tried = suggested if trial.configuration is None else trial.configuration
        objective = self.study.cell.objective
        score = None if objective.violations(trial, default) else objective.score(trial)
        if score is not None:
            self.worst = min(self.worst, score) if self._scored else score
            self._scored = True
        self.observe(dict(tried or {}), score, trial)
