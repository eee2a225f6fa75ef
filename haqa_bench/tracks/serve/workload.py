"""What one trial of the serve track runs."""

from random import Random
from typing import Annotated, Self

from pydantic import Field, model_validator

from haqa_bench.arithmetic.memory import COUNT_MAX
from haqa_bench.cell import Workload
from haqa_bench.documents import Document
from haqa_bench.tracks.serve.jobs import Asked
from haqa_bench.tracks.serve.settings import SLOTS

USERS_MAX, REQUESTS_MAX = 256, 10_000
"""Each is a thread of the client: more would measure the client."""
Tokens = Annotated[int, Field(ge=1, le=COUNT_MAX)]
Answered = Annotated[int, Field(ge=2, le=COUNT_MAX)]
"""Of an answer: there is time between two tokens."""


class Slo(Document):
    """What a user puts up with: the time until the first token, and the mean time between two."""

    first_token_ms: float = Field(gt=0)
    between_tokens_ms: float = Field(gt=0)


class ServeWorkload(Workload):
    """What one trial of the serve track runs: so many `users` ask llama-server at once, each
    `requests` times, one after the other; all of it `repeats` times.

    `prompts` and `answers` are lengths in tokens. Each is met as often as any other, in an order
    that is the same for every configuration.
    """

    users: int = Field(ge=1, le=USERS_MAX)
    prompts: tuple[Tokens, ...] = Field(min_length=1)
    answers: tuple[Answered, ...] = Field(min_length=1)
    requests: int = Field(1, ge=1, le=REQUESTS_MAX)
    slo: Slo
    n_ctx: int = Field(2048, ge=1, le=COUNT_MAX // SLOTS[-1])
    """Tokens that the cache has room for, of each user who is answered."""
    repeats: int = Field(3, ge=1)
    text: str = ""
    """A text file, relative to the suite's, that prompts are cut from; where there is none, they
    are made-up tokens.
    """
    draft: str = ""
    """The GGUF file of a draft model, as a model's `gguf`; empty for none."""
    quality_windows: Annotated[int, Field(ge=0, le=10_000, exclude_if=lambda count: not count)] = 0
    """Windows of 512 tokens of that text in which predictions are held against the reference's."""
    reference: Annotated[str, Field(exclude_if=lambda path: not path)] = ""
    """The GGUF file of the most precise form of the model; empty for the model's own file."""
    imatrix: Annotated[str, Field(exclude_if=lambda path: not path)] = ""
    """The file of an importance matrix, for formats that are made with one; empty for none."""
    timeout_s: float = Field(600.0, gt=0)
    memory_gb: float = Field(8.0, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.quality_windows and not self.text:
            raise ValueError("quality_windows are of the text, and there is none")
        longest = max(self.prompts) + max(self.answers)
        if longest > self.n_ctx:
            what = f"the longest prompt and answer have {longest} tokens together"
            raise ValueError(f"{what}, and must fit in n_ctx = {self.n_ctx}")
        return self

    @property
    def asked(self) -> tuple[tuple[Asked, ...], ...]:
        """Of each user, the lengths of its requests in their order."""
        rng, total = Random(0), self.users * self.requests
        prompts, answers = (_mixed(of, total, rng) for of in (self.prompts, self.answers))
        every = [Asked(*lengths) for lengths in zip(prompts, answers, strict=True)]
        return tuple(
            tuple(every[begin : begin + self.requests]) for begin in range(0, total, self.requests)
        )


def _mixed(lengths: tuple[int, ...], total: int, rng: Random) -> list[int]:
    """So many of them in a drawn order, none twice more often than another."""
    found = [lengths[place % len(lengths)] for place in range(total)]
    rng.shuffle(found)
    return found
