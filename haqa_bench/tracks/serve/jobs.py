"""What the serve track asks of a process, and what that tells: all that both sides share."""

from dataclasses import dataclass
from typing import Literal

from haqa_bench.backends.jobs import Job
from haqa_bench.backends.llama_jobs import Settings

WORKER = "haqa_bench.tracks.serve.worker.run"
Speculation = Literal[
    "none", "ngram-simple", "ngram-cache", "ngram-mod", "ngram-map-k", "draft-simple"
]
"""What guesses the next tokens, which the model then checks at once: nothing, repetitions in the
text so far, or a smaller model, the draft."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """llama-server's settings beside those of llama.cpp, with llama-server's own defaults."""

    parallel: int = 4
    """Slots: requests that are worked on at once. Others wait."""
    kv_unified: bool = True
    """Whether all slots share one cache."""
    cont_batching: bool = True
    """Whether a request may begin while others are answered."""
    speculation: Speculation = "none"
    draft_max: int = 0
    """Tokens that are guessed at once at most; 0: llama-server's own for that speculation."""
    draft_min: int = 0
    """Tokens that a guess has at least; 0 where draft_max is 0 too: llama-server's own."""
    draft_p_min: float = 0.0
    """How probable a token must be to the draft model for its guess to go on."""


@dataclass(frozen=True)
class Asked:
    """Lengths of a request, in tokens: its prompt, and its answer."""

    prompt: int
    answer: int


@dataclass(frozen=True)
class Timings:
    """llama-server's own timing of an answer: until the prompt was read, from the first token to
    the last, tokens generated, tokens guessed and guesses accepted.
    """

    prompt_ms: float
    predicted_ms: float
    predicted_n: int
    draft_n: int = 0
    draft_accepted: int = 0


@dataclass(frozen=True)
class Answer:
    """What became of a request. `tokens_ms` is when each token came, and `ended_ms` when the last
    byte did, both since the request was sent; `fault` is why it does not count, for people.
    """

    tokens_ms: tuple[float, ...]
    ended_ms: float
    timings: Timings | None
    fault: str = ""

    @property
    def first_ms(self) -> float:
        """Until the first token came; of an answer that has one."""
        return self.tokens_ms[0]

    @property
    def rest_ms(self) -> float:
        """From the first token to the last."""
        return self.tokens_ms[-1] - self.tokens_ms[0]

    @property
    def between_ms(self) -> float:
        """The mean time between two tokens; of an answer that has two."""
        return self.rest_ms / (len(self.tokens_ms) - 1)


@dataclass(frozen=True)
class Repeat:
    """A whole load, once: what became of each request, seconds until the last had its answer, and
    what others took of the machine meanwhile.
    """

    answers: tuple[Answer, ...]
    seconds: float
    others_share: float
    involuntary_switches: int


@dataclass(frozen=True)
class Served:
    """What users got of a server. `text_rounds` is how often the text was gone through for their
    prompts; None where they were made up.
    """

    repeats: tuple[Repeat, ...]
    peak_bytes: int
    ready_s: float
    slots: int
    n_ctx_slot: int
    text_rounds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Load(Job[Served], worker=WORKER):
    """Start `program`, let `users` ask it at once, each one request after the other, `repeats`
    times, and end it.

    `n_ctx` is the room of the whole cache in tokens; `draft` is the path of a draft model, or
    empty. Prompts are cut from `text`, or made up where that is empty. The server has `patience_s`
    to begin.
    """

    program: str
    model: str
    settings: Settings
    server: ServerSettings
    n_ctx: int
    users: tuple[tuple[Asked, ...], ...]
    repeats: int
    patience_s: float
    draft: str = ""
    text: str = ""
