"""Replays recorded trials: of a configuration that was measured, exactly what was. Every number it
gives is `replayed`.
"""

from haqa_bench.cell import Cell
from haqa_bench.errors import TrialMiss
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration, key_of
from haqa_bench.store.trials import Recording
from haqa_bench.tracks import nearness
from haqa_bench.trial import Source, Trial

SHOWN = 3
"""How many of the nearest trials a miss names."""


def tried(recording: Recording, cell: Cell) -> list[Trial]:
    """What was recorded of a cell, the default first where it was."""
    default = key_of(cell.space.default)
    ordered = sorted(recording.trials.values(), key=lambda one: (one.key != default, one.key))
    return [
        Trial(
            number=number,
            configuration=one.configuration,
            status=one.status,
            reason=one.reason,
            measurements=one.measurements(Source.REPLAYED),
        )
        for number, one in enumerate(ordered)
    ]


class RecordedTrials:
    """Serves the trials of a cell that were recorded. Nothing is known of the rest of its space: no
    configuration has a rank, and nothing is an optimum.
    """

    machine = ""
    whole: Whole | None = None

    def __init__(self, recording: Recording, cell: Cell) -> None:
        self.recording, self.cell = recording, cell
        simulated = recording.header.source is Source.SIMULATED
        self.source = Source.SIMULATED if simulated else Source.REPLAYED

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator.

        Raises:
            TrialMiss: the configuration was not recorded; names the nearest that were.
        """
        found = self.recording.trials.get(key_of(configuration))
        if found is None:
            raise self._miss(configuration)
        return found.outcome(self.source)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is recorded is recorded."""
        return self.measure(configuration)

    def _miss(self, wanted: Configuration) -> TrialMiss:
        space = self.cell.space
        known = [trial.configuration for trial in self.recording.trials.values()]
        near = nearness.nearest(space, wanted, known, SHOWN)
        told = "; ".join(nearness.in_words(space, one, wanted) for one in near) or "there is none"
        return TrialMiss(
            self.recording.path,
            f"no recorded trial is of {key_of(wanted)}; nearest: {told}",
            "Measure it with --measure live, or let a model of the recorded ones answer: "
            "--measure surrogate",
        )
