"""Cells of the deploy track on devices that are not here: tokens/s by the profile's roofline
(paper: table 4). All of it is simulated.
"""

from collections.abc import Mapping
from functools import cached_property

from haqa_bench.arithmetic.token_roofline import token
from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration
from haqa_bench.store import facts
from haqa_bench.tracks.deploy.workload import RooflineWorkload
from haqa_bench.trial import Measurement, Source, Status


class RooflineEvaluator:
    """Metric: generation_tokens_per_s, at most so many; the tensors are those that llama.cpp's
    quantizer would write.
    """

    whole: Whole | None = None
    machine = ""

    def __init__(self, cell: Cell[RooflineWorkload]) -> None:
        gguf_models.require_llama_cpp()
        if list(cell.space.root) != ["format"]:
            raise HaqaError(
                f"{cell.id}: space",
                "a roofline knows of formats alone",
                "Leave all but `format` out",
            )
        if cell.hardware.bandwidth.value is None:
            raise HaqaError(
                f"hardware/{cell.hardware.name}.yaml",
                "the bandwidth is unknown: there is no roofline without it",
            )
        self.cell = cell

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {
            "weights_sha256": sha256({name: dict(found) for name, found in self.weights.items()})
        }

    @cached_property
    def weights(self) -> Mapping[str, Mapping[str, int]]:
        """By format and tensor type, the weights that a token is multiplied by."""
        model = self.cell.model
        formats = [str(name) for name in self.cell.space.listable["format"].choices]
        with llama_cpp_memory.hollow(model.dimensions, model.architecture) as path:
            try:
                found = llama_cpp_memory.predict(path, formats, ONE_THREAD, 64)
            except EvaluationFailed as failure:
                raise HaqaError(self.cell.id, failure.reason) from None
        return {name: one.multiplied for name, one in found.items()}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        weights = self.weights[str(configuration["format"])]
        layers = self.cell.model.dimensions["layers"]
        found = token(weights, layers, self.cell.hardware)
        if found is None:
            raise EvaluationFailed(
                Status.REFUSED,
                f"of its tensor types ({', '.join(weights)}) not all are known to the roofline",
            )
        speed = Measurement(
            name="generation_tokens_per_s",
            value=found.tokens_per_s,
            unit="tokens/s",
            source=Source.SIMULATED,
            samples=(found.tokens_per_s,),
            used=1,
        )
        return Outcome((speed,), {**facts.of_token(layers, weights), "bound": found.bound}, 0.0)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is simulated does not vary."""
        return self.measure(configuration)
