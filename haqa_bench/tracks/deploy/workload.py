"""What one trial of the deploy track runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from haqa_bench.arithmetic.memory import COUNT_MAX
from haqa_bench.cell import Workload


class DeployWorkload(Workload):
    """What one trial of the deploy track runs: a prompt of `n_prompt` tokens, then `n_generate`
    tokens, `repeats` times.
    """

    n_ctx: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 512
    n_prompt: int = Field(128, ge=1)
    n_generate: int = Field(32, ge=2)
    repeats: int = Field(3, ge=1)
    quality_text: str = ""
    """A text file, relative to the suite's, whose perplexity guards quality; nothing guards it
    where there is none.
    """
    quality_tokens: Annotated[int, Field(ge=3)] = 512
    timeout_s: float = 120.0
    memory_gb: float = 4.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if max(self.n_prompt + self.n_generate, self.quality_tokens) > self.n_ctx:
            raise ValueError(
                f"n_prompt + n_generate and quality_tokens must fit in n_ctx = {self.n_ctx}"
            )
        return self


class RooflineWorkload(Workload):
    """What a cell of the deploy track asks on a device that is not here: tokens generated in a
    second, by the roofline of its profile.
    """

    simulated_by: Literal["roofline"]
