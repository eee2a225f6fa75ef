"""What every worker does around its job: it reads the job, keeps to its memory, sends all prints to
stderr, and writes the result, or why there is none, to stdout.

    def measure(job: Measure) -> Measured: ...

    if __name__ == "__main__":
        work(measure)

Which action a job is for is told by the type of the action's argument `job`. A worker that is
started with many jobs in view loads what they share once, and forks for each: see `serve`.
"""

import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO, TypeVar, get_type_hints

from haqa_bench.backends import orphans
from haqa_bench.backends.jobs import Done, Fault, Job, Order, Refusal
from haqa_bench.backends.wire import dump, load
from haqa_bench.errors import NOTHING, Status

Shared = TypeVar("Shared")
Loaded = TypeVar("Loaded")
AnyJob = TypeVar("AnyJob", bound=Job[object])
Action = Callable[..., object]
"""Takes a job, and gives its result."""
NO_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "could not create a primitive")
"""What torch's errors say where memory ran out; oneDNN's, that it found no room to prepare a layer.
"""


class Refused(Exception):
    """There is no result, which is data: why, for people, the status that it is, and facts of how
    far the worker came.
    """

    def __init__(
        self,
        reason: str,
        status: Status = Status.REFUSED,
        facts: Mapping[str, str] = NOTHING,
    ) -> None:
        self.status, self.facts = status, facts
        super().__init__(reason)


class Unusable(Exception):
    """What the job is to work with is missing or damaged: where, what, and what to do about it."""

    def __init__(self, where: str, what: str, todo: str = "") -> None:
        super().__init__(where, what, todo)


def work(*actions: Action) -> None:
    """One job from stdin to one result on stdout."""
    orphans.end_with_parent()
    with stdout_kept() as answers:
        answers.write(attempt(sys.stdin.read(), actions))


def attempt(text: str, actions: Sequence[Action]) -> str:
    """The answer to a job, both as `wire.dump` writes them.

    Raises:
        Mismatch: it is a job of none of the actions.
    """
    known: Mapping[type[Job[object]], Action] = {_kind(a, "job"): a for a in actions}
    job = load(text, *known)
    if job.memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (job.memory_bytes, job.memory_bytes))
    return dump(answer_of(lambda: known[type(job)](job)))


def answer_of(take: Callable[[], Loaded]) -> Loaded | Refusal | Fault:
    """What `take` gives, or the document of why there is nothing."""
    try:
        return take()
    except Refused as refused:
        return Refusal(refused.status, str(refused), dict(refused.facts))
    except Unusable as unusable:
        return Fault(*unusable.args)
    except (MemoryError, RuntimeError) as error:
        if not is_memory_fault(error):
            raise
        return Refusal(Status.OOM, (str(error) or type(error).__name__).splitlines()[0])


def is_memory_fault(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY)


def stdout_kept() -> TextIO:
    """stdout, for answers alone: all that is printed from now on goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # else its buffer comes after a traceback, whose last line is told
    return answers


def serve(share: Callable[[Shared], Loaded], run: Callable[[Loaded, AnyJob], object]) -> None:
    """Loads what the first line of stdin says, then forks for each `Order` that follows.

    Answers with one line for the loading, `Done` or why it failed, and two for each order: the
    child's process id, and the code that it ends with.
    """
    orphans.end_with_parent()
    server = os.getpid()
    with stdout_kept() as answers:
        first: Shared = load(sys.stdin.readline(), _kind(share, "shared"))
        loaded = answer_of(lambda: share(first))
        if isinstance(loaded, Refusal | Fault):
            answers.write(dump(loaded) + "\n")
            return
        answers.write(dump(Done()) + "\n")

        def action(job: AnyJob) -> object:
            return run(loaded, job)

        action.__annotations__["job"] = _kind(run, "job")
        for line in sys.stdin:
            child = os.fork()
            if child == 0:
                orphans.end_with(server)
                _obey(load(line, Order), action)
            answers.write(f"{child}\n")
            _, status = os.waitpid(child, 0)
            answers.write(f"{os.waitstatus_to_exitcode(status)}\n")


def _obey(order: Order, action: Action) -> None:
    """Does an order in a child of its own, and ends it."""
    code = 1
    try:
        complaints = os.open(order.complaints, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(complaints, 1)
        os.dup2(complaints, 2)
        Path(order.result).write_text(attempt(order.job, [action]), "utf-8")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _kind(action: Action, argument: str) -> type:
    """The type of an action's argument."""
    kind: type = get_type_hints(action)[argument]
    return kind
