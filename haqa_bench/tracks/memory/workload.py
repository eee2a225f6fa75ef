"""What one trial of the memory track decides."""

from typing import Annotated, Literal

from pydantic import Field

from haqa_bench.arithmetic.memory import COUNT_MAX
from haqa_bench.cell import Workload
from haqa_bench.documents import Document

FormatName = Literal["F16", "Q8_0", "Q4_K_M", "Q4_0"]


class Format(Document):
    """A bit-width, and what llama.cpp calls the format that stands for it."""

    bit_width: str
    format: FormatName


class MemoryWorkload(Workload):
    """What one trial of the memory track decides: under each of `limits_gb` (10^9 bytes), the most
    precise format that fits.

    `formats` stand with the most precise first; the model generates from a context of `n_ctx`
    tokens. `contexts` are further lengths, for which is told what would fit.

    What is planned is the model on the cell's `hardware`, as llama.cpp runs it by default: on a
    CPU, the process with its mapped file and its copies of weights in another order; on a GPU, what
    lies in its memory when all layers do. `without_copies` is a CPU's process without these copies,
    whatever the hardware: so the first suites were planned.

    `peaks` are formats of which real processes are measured too, where the hardware is a CPU.
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

    contexts: tuple[Annotated[int, Field(ge=64, le=COUNT_MAX)], ...] = Field(
        (), exclude_if=lambda given: not given
    )
    plan: Literal["without_copies", "hardware"] = Field(
        "without_copies", exclude_if=lambda given: given == "without_copies"
    )
    peaks: tuple[FormatName, ...] = Field((), exclude_if=lambda given: not given)

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
