"""What one trial of the qlora track runs."""

from typing import Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from haqa_bench.cell import Workload
from haqa_bench.documents import JsonObject

Feedback = Literal["held_out_loss", "tasks"]


class QloraWorkload(Workload):
    """What one trial of the qlora track runs: an adapter trained on a quantized model, then what
    methods are fed back: its loss on examples held out, or its results on the tasks.

    `data` is `hub:NAME`, or a JSON or JSONL file of Alpaca's form below the data folder. `examples`
    are seen in a trial, whatever the batch size; where the space has `max_steps`, that decides, and
    there are none. `tasks` test the winners, on `items` of each, drawn once by a seed, all where it
    is None. With `feedback: tasks` methods see the results of these very tests, as in the paper.
    Where average_accuracy is tuned without, it is of other `tuning_items` of each.
    """

    data: str
    examples: int | None = Field(None, ge=1)
    feedback: Feedback = "held_out_loss"
    held_out: int = Field(100, ge=10)
    max_length: int = Field(512, ge=16)
    tasks: tuple[str, ...] = Field(
        (
            "boolq",
            "rte",
            "winogrande",
            "openbookqa",
            "arc_challenge",
            "arc_easy",
            "hellaswag",
            "mathqa",
        ),
        min_length=1,
    )
    items: int | None = Field(None, ge=1)
    tuning_items: int | None = Field(None, ge=1)
    compute: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    """The number format that the quantized weights are unpacked to for computing."""
    timeout_s: float = 3600.0
    memory_gb: float = 12.0

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, dump: SerializerFunctionWrapHandler) -> JsonObject:
        """Workloads that say how many examples they see, and nothing of feedback, have the hashes
        that they had before these could be left out.
        """
        told: JsonObject = dump(self)
        left_out = {"examples": None, "feedback": "held_out_loss"}
        return {k: v for k, v in told.items() if k not in left_out or v != left_out[k]}
