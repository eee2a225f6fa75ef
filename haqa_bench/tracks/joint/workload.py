"""What one trial of the joint track runs."""

from typing import Literal, Self

from pydantic import model_validator

from haqa_bench.cell import Workload
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.tracks.qlora.workload import QloraWorkload


class JointWorkload(Workload):
    """What one trial of the joint track runs: an adapter is trained at `train_bits` and merged into
    the model, which llama.cpp then runs.

    Quality is the loss on the examples held out, of the very file that is run: quantized, with its
    cache's formats.
    """

    train_bits: Literal["INT4", "INT8"] = "INT4"
    training: QloraWorkload
    deployment: DeployWorkload

    @model_validator(mode="after")
    def _runs_plainly(self) -> Self:
        for name in ("depth", "confirm", "told", "imatrix"):
            if getattr(self.deployment, name):
                raise ValueError(f"deployment: {name} is for cells of the deploy track alone")
        return self

    @model_validator(mode="after")
    def _holds_examples(self) -> Self:
        if self.training.max_length > self.deployment.n_ctx:
            raise ValueError(
                f"examples of max_length = {self.training.max_length} tokens do not fit "
                f"n_ctx = {self.deployment.n_ctx}"
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
