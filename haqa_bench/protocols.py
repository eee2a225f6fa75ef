"""The page to read first: everything that can be plugged in.

A study asks an `Optimizer` for a `Proposal`, lets an `Evaluator` measure it, and tells nobody: the
optimizer is handed the whole history at each ask, so that a study resumed from its journal goes on
exactly as if it had never stopped. An agent is an optimizer that holds a `ChatModel`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol, TypeGuard

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from haqa_bench.documents import Document, JsonObject
from haqa_bench.errors import Status
from haqa_bench.space import Configuration, Scalar, key_of
from haqa_bench.trial import Measurement, Trial, Usage


class Proposal(NamedTuple):
    """What an optimizer wants tried next. Without a configuration, `problem` says why it is no
    valid one, and `status` whose fault that is: the method's, or its harness' (CUT_OFF).
    """

    configuration: Configuration | None
    problem: str = ""
    thought: str = ""
    attempts: int = 1
    usage: Usage | None = None
    status: Status = Status.INVALID


class Optimizer(Protocol):
    """Proposes configurations. A class that proposes choices alone, and knows no ranges, says
    `only_choices = True`, and is refused a space with ranges before anything runs.
    """

    @property
    def settings(self) -> Mapping[str, Scalar]:
        """What shapes its proposals, as `options:` of a suite's method may change it. Stored with
        the study, and printed.
        """

    @property
    def start_up(self) -> int:
        """How many trials the history must hold before a proposal is more than a random draw; 0
        where that is not its way.
        """

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """The next proposal after `history` (trial 0, the default, is always in it), or None when
        done.

        Depends on nothing but `history` and what the optimizer was made from (space, seed, chat
        model).
        """


class Metric(NamedTuple):
    """What an evaluator measures. A track owns its metrics: nobody else says their units."""

    name: str
    unit: str
    direction: Literal["maximize", "minimize"] | None = None
    """Which is better; None where neither is."""
    about: str = ""
    """What it is, as a table or a prompt says it."""
    digits: int = 1
    """How many digits after the point are printed."""
    prompted: bool = False
    """Whether an agent is shown it beside the goals."""


class Reference(NamedTuple):
    """What is measured beside winners, and no method proposes: another tool's, or what is
    untuned.
    """

    name: str
    kind: Literal["peer", "reference"]
    """A tool's own, taken in pairs with the default; or untuned, tested as winners are."""

    @property
    def key(self) -> str:
        """What it is recorded under, where a configuration has the key of its settings."""
        return key_of({self.kind: self.name})


class Outcome(NamedTuple):
    """What an evaluator found, what really took effect, what it took, and where a response table
    ranks it (see Trial).
    """

    measurements: tuple[Measurement, ...]
    facts: Mapping[str, str]
    seconds: float | None = None
    rank: int | None = None


class Whole(NamedTuple):
    """What is known of a cell's whole space, where all of it was measured once.

    `optimum` is the best value of the objective. With several goals, `front` holds the scores
    (larger is better) of the configurations that no other beats in every goal, and `worst` the
    worst score of each. `samples` are those of each format's best configuration, in spaces that
    have formats.
    """

    optimum: float | None
    front: tuple[tuple[float, ...], ...] = ()
    worst: tuple[float, ...] = ()
    samples: Mapping[str, tuple[float, ...]] = MappingProxyType({})


class Evaluator(Protocol):
    """Measures configurations: live, from a response table, or by a declared model of hardware."""

    whole: Whole | None
    """What is known of the whole space, or None."""

    @property
    def machine(self) -> str:
        """What it measures on, as the machine says of itself; empty for recordings."""

    def measure(self, configuration: Configuration) -> Outcome:
        """Every metric of `configuration`, as well as the cell's measurement protocol asks for.

        Raises:
            EvaluationFailed: it cannot be measured; becomes the trial's status.
        """

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """One process' measurement, the `repeat`-th, for sweeps and pairs that repeat it
        themselves.

        Training draws its seed from `repeat`; metrics that do not vary, such as those that guard
        quality, are taken at 0 only.

        Raises:
            EvaluationFailed: as `measure`.
        """


class LiveEvaluator(Evaluator, Protocol):
    """An evaluator that runs the thing."""

    @property
    def made_of(self) -> Mapping[str, str]:
        """Hashes of what it runs, beside the configuration: a sweep of another is another."""


class MakingEvaluator(LiveEvaluator, Protocol):
    """An evaluator that makes a file before it measures, which several configurations share."""

    def needs(self, configuration: Configuration) -> str:
        """What a configuration needs made, in words that are equal for those that share it."""

    def make(self, configuration: Configuration) -> None:
        """Makes it, where it is not there.

        Raises:
            EvaluationFailed: it cannot be made.
        """

    def unmake(self, configuration: Configuration) -> None:
        """Removes what was made; never what was there from the beginning."""


class ReferenceEvaluator(LiveEvaluator, Protocol):
    """An evaluator of a cell that has references."""

    def refer(self, reference: Reference, repeat: int) -> Outcome:
        """As `sample`, or as `test` in tracks that train, of a reference.

        Raises:
            EvaluationFailed: as `measure`.
        """


class TestedEvaluator(ReferenceEvaluator, Protocol):
    """An evaluator of a track that trains."""

    def test(self, configuration: Configuration, repeat: int) -> Outcome:
        """As `sample`, with the test metrics in place of those that are tuned on.

        Raises:
            EvaluationFailed: as `measure`.
        """


Subject = Configuration | Reference
"""What is measured: what a method proposed, or what stands beside it."""


def subject_key(subject: Subject) -> str:
    """What a subject is recorded under."""
    return subject.key if isinstance(subject, Reference) else key_of(subject)


class BuiltEvaluator(LiveEvaluator, Protocol):
    """An evaluator that measures elsewhere."""

    @property
    def build(self) -> Mapping[str, str]:
        """The version of each library that measures there."""


def tells_build(evaluator: Evaluator) -> TypeGuard[BuiltEvaluator]:
    """Whether an evaluator says with which libraries it measures, which may be others than here."""
    return hasattr(type(evaluator), "build")


def runs_live(evaluator: Evaluator) -> TypeGuard[LiveEvaluator]:
    """Whether an evaluator runs the thing, and so says what it is made of."""
    return hasattr(type(evaluator), "made_of")


def can_make(evaluator: Evaluator) -> TypeGuard[MakingEvaluator]:
    """Whether an evaluator makes files."""
    return hasattr(type(evaluator), "unmake")


def can_refer(evaluator: Evaluator) -> TypeGuard[ReferenceEvaluator]:
    """Whether an evaluator measures references."""
    return hasattr(type(evaluator), "refer")


def can_test(evaluator: Evaluator) -> TypeGuard[TestedEvaluator]:
    """Whether an evaluator tests what was trained."""
    return hasattr(type(evaluator), "test")


CUT_OFF = ("length", "max_tokens", "model_length")
"""What endpoints call it in `finish_reason` when an answer had no more room."""


class Message(Document):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(Document):
    """A request to an LLM: all that changes its answer, and nothing else. `body()` is what is
    sent; a field that is None is left out of it.
    """

    model: str
    messages: tuple[Message, ...]
    temperature: float | None
    seed: int | None
    max_tokens: int | None
    response_format: JsonObject | None = None
    rename: dict[str, str] = Field(default_factory=dict)
    """What the endpoint calls fields, by their names here."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields, as they are sent."""
    section: str = ""
    """Which of its method's `chats:` asks, and so where it goes; empty for `chat:`. Not sent."""

    def body(self) -> JsonObject:
        """The request as the JSON body of /v1/chat/completions."""
        fields = self.model_dump(
            mode="json", exclude_none=True, exclude={"rename", "extra", "section"}
        )
        return {self.rename.get(name, name): value for name, value in fields.items()} | self.extra

    def with_room(self, times: int) -> "ChatRequest":
        """The same, whose answer may have so many times as many tokens."""
        more = None if self.max_tokens is None else self.max_tokens * times
        return self.model_copy(update={"max_tokens": more})


class Position(NamedTuple):
    """Where in its study a request stands: the round (the trial it is to propose) and the attempt,
    both from 1.
    """

    round: int
    attempt: int


class ChatReply(Document):
    """An LLM's answer, as the endpoint gave it. `model` is what the endpoint says answered."""

    content: str
    model: str
    finish_reason: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float
    reasoning: str = ""
    """What the model thought beside its answer, where the endpoint tells it."""

    @property
    def cut_off(self) -> bool:
        """Whether its tokens ran out, which is its harness' limit and no mistake of its model."""
        spent = self.reasoning and not self.content.strip()
        return bool(spent) or self.finish_reason.casefold() in CUT_OFF

    @model_serializer(mode="wrap")
    def _without_what_is_new(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        """Recordings of replies that tell no thoughts stay as they were."""
        told: JsonObject = dump(self)
        return told if self.reasoning else {k: v for k, v in told.items() if k != "reasoning"}


class ChatModel(Protocol):
    """An LLM behind one call: live, recorded or replayed."""

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """The answer to `request`.

        Raises:
            ChatFailed: the endpoint gave no usable answer.
            CassetteMiss: replaying, and no recorded exchange answers it.
        """
