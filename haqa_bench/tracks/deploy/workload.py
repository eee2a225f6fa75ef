"""What one trial of the deploy track runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from haqa_bench.arithmetic.memory import COUNT_MAX
from haqa_bench.cell import Workload
from haqa_bench.documents import Document

Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\r\n]*$")]
"""A sentence that a prompt shows."""
UNMEASURED = ("confirm", "told")
"""Fields that change nothing of what a sweep measures."""


class Lengths(Document):
    """Tokens of the prompt and tokens generated, `repeats` times."""

    n_prompt: int = Field(ge=1)
    n_generate: int = Field(ge=2)
    repeats: int = Field(1, ge=1)


class DeployWorkload(Workload):
    """What one trial of the deploy track runs: a prompt of `n_prompt` tokens, then `n_generate`
    tokens, `repeats` times, after `depth` tokens that lie in the cache already.
    """

    n_ctx: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 512
    n_prompt: int = Field(128, ge=1)
    n_generate: int = Field(32, ge=2)
    repeats: int = Field(3, ge=1)
    depth: Annotated[int, Field(ge=0, le=COUNT_MAX, exclude_if=lambda tokens: not tokens)] = 0
    """Tokens in the cache before what is timed begins."""
    warm_up: Annotated[int | None, Field(ge=1, exclude_if=lambda tokens: tokens is None)] = None
    """Tokens of the prompt that are read once before what is timed; all where it is left out."""
    confirm: Annotated[Lengths | None, Field(exclude_if=lambda lengths: lengths is None)] = None
    """What winners are confirmed with, where it is more than a sweep can take."""
    told: Annotated[tuple[Line, ...], Field(exclude_if=lambda lines: not lines)] = ()
    """What agents are told of the measurement beside, a line each."""
    quality_text: str = ""
    """A text file, relative to the suite's, whose perplexity guards quality; nothing guards it
    where there is none.
    """
    quality_tokens: Annotated[int, Field(ge=3)] = 512
    quality_windows: Annotated[int, Field(ge=0, le=10_000, exclude_if=lambda count: not count)] = 0
    """Windows of 512 tokens of that text in which predictions are held against the reference's;
    perplexity is of them too. None: of its first `quality_tokens`, against nothing.
    """
    reference: Annotated[str, Field(exclude_if=lambda path: not path)] = ""
    """The GGUF file of the most precise form of the model; empty for the model's own file."""
    imatrix: Annotated[str, Field(exclude_if=lambda path: not path)] = ""
    """The file of an importance matrix, for formats that are made with one; empty for none."""
    timeout_s: float = 120.0
    memory_gb: float = 4.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        longest = max(run.depth + run.n_prompt + run.n_generate for run in (self, self.confirming))
        if self.reference and not self.quality_windows:
            raise ValueError("a reference is held against in quality_windows, and there are none")
        if max(longest, self.quality_tokens) > self.n_ctx:
            what = "depth + n_prompt + n_generate" if self.depth else "n_prompt + n_generate"
            raise ValueError(f"{what} and quality_tokens must fit in n_ctx = {self.n_ctx}")
        return self

    @property
    def confirming(self) -> Self:
        """See Workload."""
        if self.confirm is None:
            return self
        return self.model_copy(update={**dict(self.confirm), "confirm": None, "told": ()})

    def agrees(self, recorded: object) -> bool:
        """See Workload: what is only told, or confirmed, is not what was measured."""
        if not isinstance(recorded, dict):
            return False
        kept = {name: value for name, value in recorded.items() if name not in UNMEASURED}
        return kept == self.model_dump(mode="json", exclude=set(UNMEASURED))


class RooflineWorkload(Workload):
    """What a cell of the deploy track asks on a device that is not here: tokens generated in a
    second, by the roofline of its profile.
    """

    simulated_by: Literal["roofline"]
