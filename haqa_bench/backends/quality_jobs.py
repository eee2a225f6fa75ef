"""How near a model's predictions are to a more precise one's: documents of the worker `quality`.

Of windows of a text, as llama.cpp's own perplexity tool takes them: WINDOW tokens each, the first
of them the beginning-of-text token where the model has one; scored is what follows the second half.
"""

from dataclasses import dataclass

from haqa_bench.backends.jobs import Job
from haqa_bench.backends.llama_jobs import Settings

WORKER = "haqa_bench.backends.workers.quality"
WINDOW = 512
"""Tokens of a window."""
SCORED = WINDOW // 2 - 1
"""Tokens of each window that are scored."""


@dataclass(frozen=True)
class Counted:
    """How many tokens a text has."""

    tokens: int


@dataclass(frozen=True, kw_only=True)
class Count(Job[Counted], worker=WORKER):
    """Part a text into a model's tokens; nothing is loaded but its vocabulary."""

    model: str
    text: str


@dataclass(frozen=True)
class Referred:
    """The reference's own perplexity of what is scored."""

    perplexity: float


@dataclass(frozen=True, kw_only=True)
class Refer(Job[Referred], worker=WORKER):
    """Write what a model expects after each scored token to `target`: natural logarithms of
    probabilities, float16, an array of (windows, SCORED, vocabulary), as numpy saves it.
    """

    model: str
    settings: Settings
    text: str
    windows: int
    target: str


@dataclass(frozen=True)
class Compared:
    """A model held against a reference, by window: the mean Kullback-Leibler divergence of its
    predictions from the reference's (nats), and the share of tokens whose likeliest next token is
    the reference's. Of all windows: both models' perplexities.
    """

    divergences: tuple[float, ...]
    same: tuple[float, ...]
    perplexity: float
    reference_perplexity: float


@dataclass(frozen=True, kw_only=True)
class Compare(Job[Compared], worker=WORKER):
    """Hold a model against the predictions that the file `reference` holds (Refer)."""

    model: str
    settings: Settings
    text: str
    reference: str
