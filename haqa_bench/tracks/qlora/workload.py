"""What one trial of the qlora track runs."""

from typing import Literal

from pydantic import Field

from haqa_bench.cell import Workload


class QloraWorkload(Workload):
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
