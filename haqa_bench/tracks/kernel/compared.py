"""A kernel of somebody's own beside the one that comes, and ggml's: measured in turns, so that what
others do on the machine hits them all.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, HaqaError, Status, nearest
from haqa_bench.installed import has
from haqa_bench.space import SearchSpace
from haqa_bench.tracks.kernel import shapes
from haqa_bench.tracks.kernel.jobs import Measure, Measured, MeasureGgml
from haqa_bench.tracks.kernel.rewritten import measure_rewritten
from haqa_bench.tracks.kernel.sources import FOLDER
from haqa_bench.tracks.kernel.workload import OUTSIDE, WEIGHTED, KernelWorkload

MINE, OWN, GGML = "yours", "as it comes", "ggml"
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Asked:
    """What is measured: a job, at a cell's settings or others of its space."""

    cell: str
    job: Measure
    space: SearchSpace
    timeout_s: float

    def with_shape(self, text: str | None) -> "Asked":
        """With other sizes, `columns=1024,rows=32`.

        Raises:
            HaqaError: a size is none, or the kernel has no such, or its layouts do not allow it.
        """
        given = _numbers("--shape", text.split(",") if text else [])
        for name, size in given.items():
            if name not in self.job.shape:
                raise HaqaError("--shape", f"'{name}' is no size", nearest(name, self.job.shape))
            if not 1 <= size <= LARGEST:
                raise HaqaError("--shape", f"{name}={size} is no size", "Give 1 or more")
        shape = {**self.job.shape, **given}
        shapes.check("--shape" if given else self.cell, self.job.kernel, shape)
        return self._with(shape=shape)

    def with_bits(self, bits: str | None) -> "Asked":
        """With other bits of a weight.

        Raises:
            HaqaError: the kernel has none.
        """
        if bits and not self.weighted:
            what = f"{self.job.kernel} has no weights that are packed"
            raise HaqaError("--bits", what, "Leave it out")
        return self._with(bits=int(bits)) if bits else self

    @property
    def weighted(self) -> bool:
        """Whether the kernel unpacks weights, of as many bits as there are."""
        return self.job.kernel in WEIGHTED

    def with_repeats(self, repeats: int) -> "Asked":
        """With another number of launches in a round."""
        return self._with(repeats=repeats)

    def with_settings(self, given: Sequence[str]) -> "Asked":
        """With some settings, `VEC=8`, in place of the defaults.

        Raises:
            HaqaError: one is none of the space.
        """
        found = _numbers("--set", given)
        for name in found:
            if name not in self.space.root:
                what = f"'{name}' is no setting of {self.cell}"
                raise HaqaError("--set", what, nearest(name, self.space.root))
        if problems := self.space.problems({**self.space.default, **found}):
            raise HaqaError("--set", problems[0], "haqa-bench suite show says what there is")
        return self._with(settings={**self.job.settings, **found})

    def _with(self, **changes: object) -> "Asked":
        job = dataclasses.replace(self.job, **changes)  # type: ignore[arg-type]  # by name
        return dataclasses.replace(self, job=job)


class Found(NamedTuple):
    """What became of one kernel, in all rounds: times of launches in microseconds, the largest
    error, as a share of the largest value, and the share of the machine that others had.
    """

    name: str
    status: Status
    times_us: Sequence[float]
    error: float | None = None
    others_share: float = 0.0
    reason: str = ""
    facts: Mapping[str, str] = {}


class Compared(NamedTuple):
    """All kernels, the first what was asked for."""

    asked: Asked
    found: Sequence[Found]

    @property
    def failed(self) -> bool:
        """Whether what was asked for gave no times."""
        return self.found[0].status is not Status.OK


def asked(kernel: str, cell: Cell[KernelWorkload]) -> Asked:
    """The kernel as a cell has it, at its defaults.

    Raises:
        HaqaError: it cannot be run in the sandbox, where a CPU's OpenCL is alone; or has weights
        of other bits than any kernel.
    """
    work = cell.workload
    if not work.in_sandbox(cell.hardware):
        raise HaqaError(cell.id, OUTSIDE, "Name another cell by --suite and --cell")
    default = {name: v for name, v in cell.space.default.items() if isinstance(v, int)}
    job = Measure(
        memory_bytes=int(work.memory_gb * 1e9),
        kernel=kernel,
        sources=str(FOLDER),
        bits=shapes.bits_of(cell),
        shape=dict(work.sizes),
        settings=default,
        repeats=work.repeats,
        tolerance=work.tolerance,
        device=work.device,
        seed=time.time_ns() % 2**31,
    )
    return Asked(cell.id, job, cell.space, work.timeout_s)


def compared(asked: Asked, mine: str | None, own: str, rounds: int) -> Compared:
    """Measures all in turns; what fails once is not measured again.

    Raises:
        HaqaError: there is no sandbox here, or nothing that could be launched.
    """
    shapes.check_launch(asked.cell, asked.job)

    def rewritten(source: str) -> Callable[[], Measured]:
        return lambda: measure_rewritten(asked.job, source, asked.timeout_s)

    turns = {} if mine is None else {MINE: rewritten(mine)}
    turns[OWN] = rewritten(own)
    if has("llama_cpp"):
        turns[GGML] = lambda: run_job(_ggml(asked.job), asked.timeout_s)
    gathered = {name: _Gathered() for name in turns}
    for _ in range(rounds):
        for name, take in turns.items():
            gathered[name].add(take)
    return Compared(asked, [one.found(name) for name, one in gathered.items()])


@dataclass
class _Gathered:
    """What the rounds of one kernel gave so far."""

    measured: list[Measured] = field(default_factory=list)
    failure: EvaluationFailed | None = None

    def add(self, take: Callable[[], Measured]) -> None:
        if self.failure is None:
            try:
                self.measured.append(take())
            except EvaluationFailed as failure:
                self.failure = failure

    def found(self, name: str) -> Found:
        """All rounds as one."""
        if self.failure is not None:
            return Found(name, self.failure.status, (), reason=self.failure.reason)
        times = [time_us for one in self.measured for time_us in one.times_us]
        error = max(one.error for one in self.measured)
        share = max(one.others_share for one in self.measured)
        facts = self.measured[0].facts
        return Found(name, Status.OK, times, error, share, facts=facts)


def _ggml(job: Measure) -> MeasureGgml:
    return MeasureGgml(
        memory_bytes=job.memory_bytes,
        kernel=job.kernel,
        bits=job.bits,
        shape=job.shape,
        settings=job.settings,
        repeats=job.repeats,
        seed=job.seed,
    )


def _numbers(option: str, given: Sequence[str]) -> dict[str, int]:
    """Names with whole numbers, from `NAME=8`.

    Raises:
        HaqaError: a word is none of that, or a name is given twice.
    """
    found: dict[str, int] = {}
    for word in given:
        name, sign, value = word.strip().partition("=")
        try:
            number = int(value)
        except ValueError:
            sign = ""
        if not sign or not name:
            raise HaqaError(option, f"'{word}' is no NAME=NUMBER", "Write it as VEC=8")
        if name in found:
            raise HaqaError(option, f"'{name}' is given twice", "Give it once")
        found[name] = number
    return found
