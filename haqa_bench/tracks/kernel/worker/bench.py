"""What is asked of a sandbox with somebody's kernel in it, and of the memory that it works on."""

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.backends.workers.caches import Caches
from haqa_bench.backends.workers.frame import Refused
from haqa_bench.backends.workers.load import cpu_times, others_share
from haqa_bench.errors import Status
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Between, Judge, Measured
from haqa_bench.tracks.kernel.source_rules import guarded, guards
from haqa_bench.tracks.kernel.worker import inputs
from haqa_bench.tracks.kernel.worker.arena import Arena, Slot
from haqa_bench.tracks.kernel.worker.clocks import Overhead, doubt, overhead
from haqa_bench.tracks.kernel.worker.inputs import Check
from haqa_bench.tracks.kernel.worker.problems import Problem
from haqa_bench.tracks.kernel.worker.session import Ran, Session

CHAINS, STEPS, WORKERS, READERS = 12, 100_000, 16, 512
"""Of limits.cl, for a CPU, as for other kernels."""
EMPTY = "__kernel void nothing(__global float *y) {}"
TIMES = 12
BATCHES = 3
ATTEMPTS = 3
FAILS = (Status.WRONG_OUTPUT, Status.COMPILE_ERROR)
"""How our own kernel fails where it cannot do what is checked; anything else says nothing of that.
"""
DOUBTED = {"doubted": "times"}
"""See haqa_bench.tracks.kernel.rewritten."""


class Posed(NamedTuple):
    """The problems that say how much room there is to be, and how many launches make a batch."""

    own: Problem
    other: Problem | None
    batch: int


class Bench:
    """A sandbox with a kernel's code in it, and what is asked of both."""

    def __init__(self, job: Judge, session: Session, arena: Arena, posed: Posed) -> None:
        self.job, self.own, self.session, self.arena = job, job.own, session, arena
        self.posed = posed
        self.caches = Caches()
        self.vectors = arena.read.size // 32 // READERS // 4 * 4
        self.compile_s = 0.0
        self.overhead = self.of_batches = self.of_asking = Overhead(0.0, 0.0)

    def prepare(self, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
        """Builds all that is launched, of what the compiler left elsewhere. What is not ours comes
        last, even as a file, when the sandbox can start nothing any more, and the clocks have been
        compared.
        """
        self.session.take(ours)
        self.prepare_ours()
        self._lock()
        self.session.take(theirs)
        self.build()

    def prepare_ours(self) -> None:
        """Builds and runs what is ours."""
        session = self.session
        session.build("empty", EMPTY, [])
        sizes: dict[str, object] = {"global": [1], "local": [1]}
        session.launch("nothing", "empty", "nothing", buffers=[{"bytes": 4096}], **sizes)
        self._build_limits()
        session.run("nothing")
        session.run("read", "peak")

    def _lock(self) -> None:
        """Lets the sandbox start nothing any more, and compares the clocks."""
        self.session.lock()
        self.overhead = self._overhead("nothing", 1)
        self.of_batches = self._overhead("read", self.posed.batch)
        self.of_asking = overhead([self.session.run("nothing") for _ in range(TIMES)])

    def build(self) -> None:
        """Builds what is not ours."""
        began = time.perf_counter()
        self._build("own", self.posed.own, self.arena.slots[0])
        self.compile_s = time.perf_counter() - began
        if self.posed.other is not None:
            self._build("other", self.posed.other, self.arena.slots[1])

    def _overhead(self, name: str, count: int) -> Overhead:
        """What launches of our own take beside what they tell, under the conditions of those that
        are measured: one, of a kernel that does nothing; or several, of one that reads much, since
        the work between two launches is slower once a kernel has had the caches for itself.
        """
        return overhead([self._of_ours(name, count) for _ in range(TIMES)])

    def _of_ours(self, name: str, count: int) -> Ran:
        self.session.stop()
        self.arena.fill(self.arena.slots[0][0], self.posed.own)
        self._empty_caches(1)
        return self.session.run(*[name] * count, stopped=True)

    def _build(self, name: str, posed: Problem, slots: Sequence[Slot]) -> None:
        defines = {**self.own.settings, **posed.defines}
        options = [*guards(), "-cl-std=CL1.2", "-cl-mad-enable"]
        options += [
            f"-D{key}={f'{value:.9g}f' if isinstance(value, float) else int(value)}"
            for key, value in sorted(defines.items())
        ]
        self.session.build(name, guarded(self.job.source), options)
        sizes: dict[str, object] = {
            "global": list(posed.global_size),
            "local": list(posed.local_size),
        }
        for number, slot in enumerate(slots):
            buffers = [{"at": part.at, "bytes": part.size} for part in slot.parts]
            self.session.launch(f"{name}{number}", name, self.own.kernel, buffers=buffers, **sizes)

    def _build_limits(self) -> None:
        """The kernels that only read and only multiply, as in worker/opencl.py."""
        options = ["-cl-mad-enable", f"-DVECTORS={self.vectors}", "-DSIDE_BY_SIDE=0"]
        text = (FOLDER / "limits.cl").read_text()
        self.session.build("limits", text, [*options, f"-DSTEPS={STEPS}"])
        read, results = self.arena.read, {"bytes": 4 * READERS}
        memory = {"at": read.at, "bytes": read.size}
        for name, kernel, items, buffers in (
            ("read", "read", READERS, [memory, results]),
            ("peak", "multiply_add", WORKERS, [results]),
        ):
            sizes: dict[str, object] = {"global": [items], "local": [1]}
            self.session.launch(name, "limits", kernel, buffers=buffers, **sizes)

    def check(self) -> list[str]:
        """Checks outputs, of hard inputs too, and of another shape; what could not be checked,
        since our own kernel fails there as well.
        """
        self.check_once(inputs.usual(self.own))
        special = [inputs.wide(self.own)]
        special += inputs.odd(self.own) if self.posed.other is not None else []
        return [check.name for check in special if not self._holds(check)]

    def _holds(self, check: Check) -> bool:
        """Whether the code passes a check; False where our own kernel does not either.

        Raises:
            Refused: the code fails, and ours does not, or could not be tried.
        """
        try:
            self.check_once(check)
        except Refused as refused:
            ours = (Path(self.own.sources) / f"{self.own.kernel}.cl").read_text()
            if self.job.source == ours or not _passes(self.job, ours, self.posed, check):
                self.session.go_on()
                return False
            raise Refused(f"{check.name}: {refused}", refused.status, refused.facts) from None
        return True

    def check_once(self, check: Check) -> float:
        """The error of one launch.

        Raises:
            Refused: it is too large.
        """
        at, name = (0, "own0") if check.shape == self.own.shape else (1, "other0")
        posed, slot = check.pose(self.own, fresh()), self.arena.slots[at][0]
        self.session.stop()
        self.arena.fill(slot, posed)
        self.session.run(name, stopped=True)
        return self._error(slot, posed)

    def _error(self, slot: Slot, posed: Problem) -> float:
        self.session.stop()
        error = self.arena.error(slot, posed, self.own.tolerance)
        self.session.go_on()
        return error

    def measure(self) -> Measured:
        """Times launches, and compares the clocks.

        Raises:
            Refused: an output is wrong, or times cannot be believed.
        """
        switches, busy = self.session.involuntary_switches(), self.session.busy_s()
        (machine, here), began = cpu_times(), time.perf_counter()
        samples = self._samples()
        self._check_elsewhere(self.arena.slots[0][1:])
        batches = self._batches()
        self._check_elsewhere()
        total, own = cpu_times()
        mine = (own - here) + (self.session.busy_s() - busy)
        share = others_share((machine, 0.0), (total, mine), time.perf_counter() - began)
        kept = [one for one in samples if not self.overhead.contradicts(one.ran)]
        times = [one.ran.told_us[0] for one in kept][: self.own.repeats]
        fewest = max(1, self.own.repeats // 3) if share > QUIET else self.own.repeats
        reason = self._contradiction(samples) if len(times) < fewest else ""
        reason = reason or doubt(times, batches, self.of_batches)
        if reason and share > QUIET:
            busy_s = f"the machine was busy, others took {100 * share:.0f} % of it"
            raise Refused(f"disturbed: {busy_s}; {reason}", facts=DOUBTED)
        if reason:
            said = "its times contradict the clock outside the sandbox"
            raise Refused(f"{said}: {reason}", facts=DOUBTED)
        return Measured(
            times_us=tuple(times),
            error=max(one.error for one in samples),
            others_share=share,
            involuntary_switches=self.session.involuntary_switches() - switches,
            facts={
                "clock_overhead_us": f"{self.overhead.usual_us:.0f}",
                "caches": self.caches.how,
            },
            between=Between(
                tuple(one.bandwidth for one in kept[: self.own.repeats]),
                tuple(one.peak for one in kept[: self.own.repeats]),
            ),
        )

    def _check_elsewhere(self, unused: Sequence[Slot] = ()) -> None:
        """Looks at memory that no launch is given: of launches to come, and what our own read.

        Raises:
            Refused: it was written to.
        """
        self.session.stop()
        self.arena.check_elsewhere(unused)
        self.session.go_on()

    def _samples(self) -> "list[Sample]":
        """Launches until enough are believed, or too many are not."""
        found: list[Sample] = []
        for _ in range(ATTEMPTS * self.own.repeats):
            found.append(self._sample())
            if sum(not self.overhead.contradicts(s.ran) for s in found) == self.own.repeats:
                break
        return found

    def _sample(self) -> "Sample":
        peak = 2 * 8 * CHAINS * STEPS * WORKERS / 1e3 / self._took("peak")
        self.caches.flush(self.arena.array(self.arena.read))
        bandwidth = 32 * self.vectors * READERS / 1e3 / self._took("read")
        ran, (error,) = self._launched(1)
        return Sample(ran, error, bandwidth, peak)

    def _took(self, name: str) -> float:
        """Microseconds of one of our own kernels, by the clock here, less what asking takes, but
        never more than half: what the device says cannot be believed any more.
        """
        elapsed_us = self.session.run(name).elapsed_us
        return max(elapsed_us - self.of_asking.usual_us, elapsed_us / 2)

    def _batches(self) -> list[Ran]:
        """Some batches; more, where the clocks have contradicted each other in all of them."""
        found: list[Ran] = []
        while self.posed.batch > 1 and len(found) < ATTEMPTS * BATCHES:
            found.append(self._launched(self.posed.batch)[0])
            if len(found) >= BATCHES and not all(map(self.of_batches.contradicts, found)):
                break
        return found

    def _launched(self, count: int) -> tuple[Ran, list[float]]:
        """So many launches, one after another, each on inputs that nothing has seen before; and
        their errors.
        """
        check, slots = inputs.usual(self.own), self.arena.slots[0][:count]
        problems = [check.pose(self.own, fresh()) for _ in slots]
        self.session.stop()
        for slot, posed in zip(slots, problems, strict=True):
            self.arena.fill(slot, posed)
        self._empty_caches(count)
        ran = self.session.run(*(f"own{number}" for number in range(count)), stopped=True)
        pairs = zip(slots, problems, strict=True)
        return ran, [self._error(slot, posed) for slot, posed in pairs]

    def _empty_caches(self, count: int) -> None:
        """Of the buffers of so many launches, which this side has just filled."""
        parts = [part for slot in self.arena.slots[0][:count] for part in slot.parts]
        self.caches.empty(*map(self.arena.array, parts))

    def _contradiction(self, samples: "Sequence[Sample]") -> str:
        doubted = [one.ran for one in samples if self.overhead.contradicts(one.ran)]
        one = min(doubted, key=self.overhead.beyond)
        took = one.elapsed_us - self.overhead.usual_us
        return (
            f"{len(doubted)} of {len(samples)} launches told less than they took, such as "
            f"{one.told_us[0]:.0f} us of {took:.0f} us"
        )


class Sample(NamedTuple):
    """A launch whose time may count: its error, and GB/s and GFLOP/s that the device gave before
    it.
    """

    ran: Ran
    error: float
    bandwidth: float
    peak: float


def _passes(job: Judge, ours: str, posed: Posed, check: Check) -> bool:
    """Whether our own kernel passes a check."""
    other = Judge(own=job.own, source=ours, timeout_s=job.timeout_s)
    problems = [posed.own] if posed.other is None else [posed.own, posed.other]
    arena = Arena(problems, [1] * len(problems), Caches().bytes)
    try:
        with Session(job.own, job.timeout_s, (arena.file, arena.size)) as session:
            bench = Bench(other, session, arena, posed)
            bench.prepare_ours()
            bench.build()
            bench.check_once(check)
    except Refused as refused:
        if refused.status in FAILS:
            return False
        said = f"{check.name}: it fails, and our own kernel could not be tried there: {refused}"
        raise Refused(said, refused.status, DOUBTED) from None
    return True


def fresh() -> int:
    """A seed that nobody can know."""
    return secrets.randbits(63)
