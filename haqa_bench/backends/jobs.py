"""What a run asks of a process of its own, and what that answers: frozen documents.

A `Job` names the module that does it (`python -m WORKER`) and the type of its result. A worker
answers with that result, or with a `Refusal` (the configuration's fault: a trial's status) or a
`Fault` (the user's to mend). Both sides import the document's class; neither knows of a key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar, get_args

from haqa_bench.errors import Status

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Job(Generic[Result_co]):
    """Something to be done in a process that may have `memory_bytes` of its own (RLIMIT_DATA; any
    number where it is 0).
    """

    worker: ClassVar[str]
    __orig_bases__: ClassVar[tuple[object, ...]]
    memory_bytes: int = 0

    def __init_subclass__(cls, worker: str) -> None:
        """`worker` is the module that does jobs of this class."""
        cls.worker = worker


def result_of(job: Job[Result]) -> type[Result]:
    """The class of a job's result: the argument of the `Job[...]` that its class derives from."""
    kind: type[Result] = get_args(job.__orig_bases__[0])[0]
    return kind


@dataclass(frozen=True)
class Done:
    """It is done, and there is nothing to tell."""


@dataclass(frozen=True)
class Refusal:
    """There is no result, which is data: the trial's status, why, for people, and facts of how far
    the worker came.
    """

    status: Status
    reason: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What the job is to work with is missing or damaged: where, what, and what to do about it."""

    where: str
    what: str
    todo: str = ""


@dataclass(frozen=True)
class Order:
    """To a process that forks for each job: a job as `wire.dump` writes it, and the files for its
    result and for what its process says.
    """

    job: str
    result: str
    complaints: str


@dataclass(frozen=True)
class Example:
    """Tokens, and what is scored of them: a label is -100 where nothing is."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
