"""What one trial of the memory track decides."""

from typing import Annotated, Literal

from pydantic import Field

from haqa_bench.arithmetic.memory import COUNT_MAX
from haqa_bench.cell import Workload
from haqa_bench.documents import Document


class Format(Document):
    """A bit-width, and what llama.cpp calls the format that stands for it."""

    bit_width: str
    format: Literal["F16", "Q8_0", "Q4_K_M", "Q4_0"]


class MemoryWorkload(Workload):
    """What one trial of the memory track decides: under each of `limits_gb` (10^9 bytes), the most
    precise format that fits.

    `formats` stand with the most precise first; the model generates from a context of `n_ctx`
    tokens.
    """

    limits_gb: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    n_ctx: int = Field(4096, ge=64, le=COUNT_MAX)
    formats: tuple[Format, ...] = Field(
        (
            Format(bit_width="FP16", format="F16"),
            Format(bit_width="INT8", format="Q8_0"),
            Format(bit_width="INT4", format="Q4_K_M"),
        ),
        min_length=1,
    )

    @property
    def bit_widths(self) -> list[str]:
        """Of the formats, the most precise first."""
        return [f.bit_width for f in self.formats]

    @staticmethod
    def within(limit_gb: float) -> str:
        """The name of the decision under a limit."""
        return f"within_{limit_gb:g}_gb"


NOTHING = "none"
"""The decision that no format fits."""
