"""Checks and times somebody else's code of a kernel, from outside its sandbox: `python -m
haqa_bench.tracks.kernel.worker.judge < job.json > result.json`.

Two sandboxes. In the first the code is compiled, and run once, since PoCL links at the first
launch; what it does there counts for nothing, but that it leaves no process. The second gets what
the compiler left, may start nothing, and is measured; of the first's files it gets what is not ours
last, since the code has run there and may have written them. Each launch whose time counts has
inputs that the code has never seen, put in place while the sandbox is stopped, and an output of
NaN, all of which is checked when the sandbox is stopped again.
"""

import time
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from haqa_bench.backends.workers.caches import Caches
from haqa_bench.backends.workers.frame import Refused, Unusable, work
from haqa_bench.errors import HaqaError
from haqa_bench.tracks.kernel.jobs import Judge, Measure, Measured
from haqa_bench.tracks.kernel.worker import inputs
from haqa_bench.tracks.kernel.worker.arena import Arena
from haqa_bench.tracks.kernel.worker.bench import BATCHES, Bench, Posed, fresh
from haqa_bench.tracks.kernel.worker.problems import Problem
from haqa_bench.tracks.kernel.worker.session import Session

NO_OTHER = "another shape, of which this kernel knows none"
BATCH_BYTES = 256 * 2**20
BATCH_S = 2.0
"""A batch is as many launches, at most 8, as there is room for their buffers, and time for their
inputs.
"""


def judge(job: Judge) -> Measured:
    """Compiles, checks, times, and checks the times."""
    try:
        return _judged(job)
    except HaqaError as fault:
        raise Unusable(fault.where, fault.what, fault.todo) from None


def _judged(job: Judge) -> Measured:
    own = job.own
    posed = _posed(own)
    until = time.monotonic() + job.timeout_s
    made = _compiled(job, posed, job.timeout_s)
    problems = [posed.own] if posed.other is None else [posed.own, posed.other]
    arena = Arena(problems, [posed.batch, 1][: len(problems)], Caches().bytes)
    left = max(1.0, until - time.monotonic())
    with Session(own, left, (arena.file, arena.size)) as session:
        bench = Bench(job, session, arena, posed)
        bench.prepare(made.ours, made.theirs)
        unchecked = [*bench.check(), *([] if posed.other else [NO_OTHER])]
        found = bench.measure()
        bench.check_once(inputs.usual(own))
        session.check_alone()
    facts = {**session.facts, **found.facts, "checked": "in a sandbox, each timed launch"}
    told = {"unchecked": "; ".join(unchecked)} if unchecked else {}
    return Measured(
        times_us=found.times_us,
        error=found.error,
        others_share=found.others_share,
        involuntary_switches=found.involuntary_switches,
        facts={**facts, **told},
        compile_s=made.seconds,
        between=found.between,
    )


def _posed(own: Measure) -> Posed:
    """The sizes of all that will be launched."""
    began = time.perf_counter()
    posed = inputs.usual(own).pose(own, fresh())
    if posed.arranged:
        raise Refused("a kernel that arranges its inputs first has no place in the sandbox")
    seconds = time.perf_counter() - began
    size = sum(values.nbytes for values in posed.inputs) + 4 * posed.expected.size
    batch = max(1, min(8, BATCH_BYTES // size, int(BATCH_S / BATCHES / max(seconds, 1e-6))))
    return Posed(posed, _other(own), batch)


def _other(own: Measure) -> Problem | None:
    """The problem of an odd shape; None where this kernel knows none."""
    try:
        return inputs.odd(own)[0].pose(own, fresh())
    except (KeyError, ValueError, IndexError, ZeroDivisionError):
        return None


class Compiled(NamedTuple):
    """What a compiler left in its cache, by path: of our own kernels, before anything else ran, and
    of somebody else's code; and how long that took.
    """

    ours: Mapping[str, str]
    theirs: Mapping[str, str]
    seconds: float


def _compiled(job: Judge, posed: Posed, timeout_s: float) -> Compiled:
    """Compiles the code, in a sandbox of its own, and runs it once."""
    problems = [posed.own] if posed.other is None else [posed.own, posed.other]
    arena = Arena(problems, [1] * len(problems), Caches().bytes)
    with Session(job.own, timeout_s, (arena.file, arena.size)) as session:
        bench = Bench(job, session, arena, posed)
        bench.prepare_ours()
        ours = session.files()
        bench.build()
        for (slot, *_), name, one in zip(arena.slots, ("own", "other"), problems, strict=False):
            arena.fill(slot, one)
            session.run(f"{name}0")
        session.run("nothing")
        session.check_alone()
        return Compiled(ours, _theirs(session.files(), ours), bench.compile_s)


def _theirs(files: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """The files beside ours. A name that leads out of the cache, or to a file of ours by another
    way, such as `a/../b`, is no compiler's.
    """
    return {name: text for name, text in files.items() if _is_plain(name) and name not in ours}


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and str(path) == name != "."


if __name__ == "__main__":
    work(judge)
