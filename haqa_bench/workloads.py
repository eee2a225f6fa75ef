"""What one trial of each track runs."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from haqa_bench.documents import Document


class DeployWorkload(Document):
    """What one trial of the deploy track runs: a prompt of `n_prompt` tokens, then `n_generate`
    tokens, `repeats` times.
    """

    n_ctx: int = 512
    n_prompt: int = Field(128, ge=1)
    n_generate: int = Field(32, ge=2)
    repeats: int = Field(3, ge=1)
    quality_text: str = ""
    """A text file, relative to the suite's, whose perplexity guards quality; nothing guards it
    where there is none.
    """
    quality_tokens: int = 512
    timeout_s: float = 120.0
    memory_gb: float = 4.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if max(self.n_prompt + self.n_generate, self.quality_tokens) > self.n_ctx:
            raise ValueError(
                f"n_prompt + n_generate and quality_tokens must fit in n_ctx = {self.n_ctx}"
            )
        return self


class RooflineWorkload(Document):
    """What a cell of the deploy track asks on a device that is not here: tokens generated in a
    second, by the roofline of its profile.
    """

    simulated_by: Literal["roofline"]


Size = Annotated[int, Field(ge=1)] | str


class KernelWorkload(Document):
    """What one trial of the kernel track runs: an OpenCL kernel, checked once against float64, then
    launched `repeats` times.

    `shape` gives each of the kernel's sizes as a number, as the name of a dimension of the model,
    or as a list of those: their product. `tolerance` is the largest error allowed, as a share of
    the largest value expected; `device` picks an OpenCL device by a part of its name, the first
    when empty.
    """

    kernel: Literal["gemv", "gemm", "softmax", "silu", "rmsnorm", "rope"]
    shape: dict[str, Size | tuple[Size, ...]]
    repeats: int = Field(10, ge=1)
    tolerance: float = Field(1e-4, gt=0)
    device: str = ""
    timeout_s: float = 60.0
    memory_gb: float = 8.0

    @property
    def sizes(self) -> Mapping[str, int]:
        """The shape of a resolved cell, where every size is a number."""
        return {name: size for name, size in self.shape.items() if isinstance(size, int)}


class QatWorkload(Document):
    """What one trial of the qat track runs: a ResNet trained with DoReFa's quantizers, then tried
    on images held out of the training set.

    `images` of the training set are trained on, all where it is None, `epochs` times unless the
    space has its own. `rescale_weights`: times max|tanh w|, as in a public PyTorch port, instead of
    tensorpack's formula alone. `quantize_ends`: the first and last layer too.
    """

    data: Literal["cifar10", "imagenet"]
    images: int | None = Field(None, ge=1)
    epochs: float = Field(gt=0)
    held_out: int = Field(5000, ge=100)
    rescale_weights: bool = False
    quantize_ends: bool = False
    timeout_s: float = 3600.0
    memory_gb: float = 8.0


class QloraWorkload(Document):
    """What one trial of the qlora track runs: an adapter trained on a quantized model, then its
    loss on examples held out.

    `data` is `hub:NAME`, or a JSON or JSONL file of Alpaca's form below the data folder. `examples`
    are seen in a trial, whatever the batch size, unless the space has `max_steps`. `tasks` test the
    winners, on `items` of each, drawn once by a seed, all where it is None. Where average_accuracy
    is tuned, it is of other `tuning_items` of each.
    """

    data: str
    examples: int = Field(ge=1)
    held_out: int = Field(100, ge=10)
    max_length: int = Field(512, ge=16)
    tasks: tuple[str, ...] = (
        "boolq",
        "rte",
        "winogrande",
        "openbookqa",
        "arc_challenge",
        "arc_easy",
        "hellaswag",
        "mathqa",
    )
    items: int | None = Field(None, ge=1)
    tuning_items: int | None = Field(None, ge=1)
    compute: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    """The number format that the quantized weights are unpacked to for computing."""
    timeout_s: float = 3600.0
    memory_gb: float = 12.0


class JointWorkload(Document):
    """What one trial of the joint track runs: an adapter is trained at `train_bits` and merged into
    the model, which llama.cpp then runs.

    Quality is the loss on the examples held out, of the very file that is run: quantized, with its
    cache's formats.
    """

    train_bits: Literal["INT4", "INT8"] = "INT4"
    training: QloraWorkload
    deployment: DeployWorkload

    @model_validator(mode="after")
    def _holds_examples(self) -> Self:
        if self.training.max_length > self.deployment.n_ctx:
            raise ValueError(
                f"examples of max_length = {self.training.max_length} tokens do not fit n_ctx = {self.deployment.n_ctx}"
            )
        return self

    @property
    def timeout_s(self) -> float:
        """Of both parts."""
        return self.training.timeout_s + self.deployment.timeout_s

    @property
    def memory_gb(self) -> float:
        """Of the larger part."""
        return max(self.training.memory_gb, self.deployment.memory_gb)


class Format(Document):
    """A bit-width, and what llama.cpp calls the format that stands for it."""

    bit_width: str
    format: Literal["F16", "Q8_0", "Q4_K_M", "Q4_0"]


class MemoryWorkload(Document):
    """What one trial of the memory track decides: under each of `limits_gb` (10^9 bytes), the most
    precise format that fits.

    `formats` stand with the most precise first; the model generates from a context of `n_ctx`
    tokens.
    """

    limits_gb: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    n_ctx: int = Field(4096, ge=64)
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


Workload = (
    DeployWorkload
    | RooflineWorkload
    | KernelWorkload
    | QatWorkload
    | QloraWorkload
    | JointWorkload
    | MemoryWorkload
)
