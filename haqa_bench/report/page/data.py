"""What the page shows of runs, as it is embedded in it: compressed JSON of the documents below,
which page.js and its neighbours read.

What many studies share is held once: an outcome by its cell (a replayed configuration gives the
same one to every method), and the texts of prompts and replies by the page. Trials and exchanges
refer to them by index. What has its default is left out.
"""

from typing import NamedTuple

from pydantic import Field

from haqa_bench.curves import Point
from haqa_bench.documents import Document
from haqa_bench.space import Scalar


class Metric(NamedTuple):
    """A measured value, a list in JSON since there are so many; `n` samples made it."""

    name: str
    value: float
    unit: str
    source: str
    n: int


class Outcome(Document):
    """What became of a configuration; `configuration` is None where none was proposed."""

    configuration: dict[str, Scalar] | None = None
    status: str
    reason: str = ""
    value: float | None = None
    feasible: bool
    rank: int | None = None
    metrics: tuple[Metric, ...] = ()
    facts: dict[str, str] = Field(default_factory=dict)
    curve: tuple[Point, ...] = ()
    """How the loss of its training fell: (step, epoch, loss in nats)."""


class Round(Document):
    """A trial: the index of its outcome, what it cost, and the study's ledgers, best value and
    regret up to it.
    """

    outcome: int
    repeat_of: int | None = None
    thought: str = ""
    seconds: float | None = None
    llm_seconds: float | None = None
    tokens: int | None = None
    dollars: float | None = None
    evaluations: int
    spent_seconds: float = 0.0
    best: float | None = None
    regret: float | None = None
    diff: str = Field("", exclude_if=lambda text: not text)
    """Of a source that is new in it, against the version that it came from."""


class Exchange(Document):
    """A recorded exchange: messages as (role, index of the text), and the reply's index."""

    round: int
    attempt: int
    messages: tuple[tuple[str, int], ...]
    reply: int


class StudyShown(Document):
    """A study; `cassette` is empty where it has none."""

    id: str
    method: str
    seed: int
    answered_by: str = ""
    relayed: bool = False
    """Whether its answers came through the relay, whose seconds are waiting and no LLM's."""
    optimum: float | None = None
    trials: tuple[Round, ...]
    cassette: str = ""
    exchanges: tuple[Exchange, ...] = ()


class CellShown(Document):
    """A cell, its objective, the default configuration in the order of the run's lock, and its
    studies.
    """

    id: str
    track: str
    model: str
    bit_width: str
    spelled: str = ""
    """Its bit-width with what is in the file, where it is of a file."""
    weights: str = ""
    """Said of weights that are no model's own."""
    hardware: str
    metric: str
    unit: str
    direction: str
    digits: dict[str, int]
    """How many digits after the point each metric is printed with, as in the tables."""
    also: tuple[str, ...]
    constraints: tuple[str, ...]
    default: dict[str, Scalar]
    outcomes: tuple[Outcome, ...]
    studies: tuple[StudyShown, ...]
    ranged: bool = False
    """Whether its space has a range, of which nobody knows the best: no regret, no rank."""


class RunShown(Document):
    """A run, by its suite and its folder's name."""

    suite: str
    folder: str
    labels: dict[str, str] = Field(default_factory=dict)
    """What readers call methods, models and hardware."""
    cells: tuple[CellShown, ...]

    @property
    def name(self) -> str:
        """What it is called on the page."""
        return f"{self.suite}/{self.folder}"


class PageData(Document):
    """Everything that the page's scripts show. A text is the indices of its lines, which prompts of
    one study mostly share.
    """

    runs: tuple[RunShown, ...]
    methods: tuple[str, ...]
    """All methods of all runs; the place of each tells its colour."""
    texts: tuple[tuple[int, ...], ...]
    lines: tuple[str, ...]
