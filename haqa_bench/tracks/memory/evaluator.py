"""The memory track: under each limit, which bit-width fits (paper: table 5). All is simulated:
llama.cpp's own plan of its buffers.
"""

from collections.abc import Mapping, Sequence
from statistics import mean

from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration
from haqa_bench.tracks.memory.plans import Size
from haqa_bench.tracks.memory.recording import Recorded
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload
from haqa_bench.trial import Measurement, Source

RIGHT, TOO_LARGE = "right_choices", "too_large"


class MemoryEvaluator:
    """Holds decisions against what fits.

    Metrics: right_choices (%, of the limits; right is the most precise format whose peak and margin
    fit, or none) and too_large (%, of the limits under which the choice would not fit).
    """

    whole: Whole | None = Whole(optimum=100.0)
    machine = ""

    def __init__(self, cell: Cell[MemoryWorkload], known: Recorded) -> None:
        self.workload, self.sizes, self.known = cell.workload, known.sizes, known

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"sizes_sha256": sha256({name: list(size) for name, size in self.sizes.items()})}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        work = self.workload
        right = [
            float(configuration[work.within(limit)] == truth(work, self.sizes, limit))
            for limit in work.limits_gb
        ]
        large = [
            float(not self._fits(str(configuration[work.within(limit)]), limit))
            for limit in work.limits_gb
        ]
        told = self.known.told
        told |= {work.within(limit): truth(work, self.sizes, limit) for limit in work.limits_gb}
        return Outcome((_share(RIGHT, right), _share(TOO_LARGE, large)), told, 0.0)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is simulated does not vary."""
        return self.measure(configuration)

    def _fits(self, choice: str, limit_gb: float) -> bool:
        return choice == NOTHING or self.sizes[choice].fits(round(limit_gb * 1e9))


def truth(workload: MemoryWorkload, sizes: Mapping[str, Size], limit_gb: float) -> str:
    """The most precise bit-width that fits, or NOTHING."""
    return next(
        (name for name in workload.bit_widths if sizes[name].fits(round(limit_gb * 1e9))), NOTHING
    )


def _share(name: str, hits: Sequence[float]) -> Measurement:
    return Measurement(
        name=name,
        value=100 * mean(hits),
        unit="%",
        source=Source.SIMULATED,
        samples=tuple(hits),
        used=len(hits),
    )
