"""The deploy track: what a llama.cpp configuration gives (paper: figure 5, table 4)."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends.gguf_models import WORKER, Formats, find, require_llama_cpp
from haqa_bench.backends.llama_cpp_memory import predict
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration
from haqa_bench.tracks.deploy.settings import DEFAULTS, QUALITY, with_defaults
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.tracks.repeats import estimated, repeated, timed
from haqa_bench.trial import Measurement, Status


class DeployEvaluator:
    """Runs each configuration with llama.cpp, in a process of its own, and measures it.

    Metrics: end_to_end_tokens_per_s, generation_tokens_per_s and prompt_tokens_per_s (tokens/s),
    first_token_ms, load_ms (ms), peak_memory_mb (10^6 bytes, weights that are mapped and touched
    included) and, where asked, perplexity (no unit).
    """

    whole: Whole | None = None

    def __init__(
        self,
        cell: Cell[DeployWorkload],
        source: Path | None = None,
        examples: Sequence[Mapping[str, list[int]]] = (),
    ) -> None:
        """`source` is the GGUF file where it is not the cell's model as it is.

        Of `examples`, tokens and labels, held_out_loss (nats) is computed.
        """
        require_llama_cpp()
        self.cell, self.workload, self.examples = cell, cell.workload, examples
        self.text = cell.texts.get(QUALITY, "")
        self.formats = Formats(source or find(cell.model.gguf or ""))
        self._predictions: dict[str, Prediction] = {}

    @cached_property
    def machine(self) -> str:
        """See Evaluator."""
        from haqa_bench.backends.machine import title

        return title(self.cell.hardware.kind if "n_gpu_layers" in self.cell.space.root else "cpu")

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {
            "model_sha256": self.formats.sha256,
            "quality_text_sha256": sha256(self.text.encode()),
        }

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        return timed(lambda: self._sample(configuration, repeat))

    def _sample(self, configuration: Configuration, repeat: int) -> Outcome:
        name = str(configuration["format"])
        settings = with_defaults(configuration)
        limit = int(self.workload.memory_gb * 1e9)
        foreseen = self._foreseen(name, settings)
        if foreseen and not foreseen.fits(limit):
            raise EvaluationFailed(
                Status.OOM, f"not loaded: does not fit {limit / 1e6:g} MB: {foreseen.arithmetic()}"
            )
        job = {
            "do": "measure",
            "model": str(self.formats.path(name)),
            "settings": settings,
            "workload": self.workload.model_dump(),
            "text": self.text if repeat == 0 else None,
            "examples": list(self.examples) if repeat == 0 else None,
            "memory_bytes": limit,
        }
        result = run_job(WORKER, job, self.workload.timeout_s)
        if result["peak_bytes"] > limit:
            raise EvaluationFailed(
                Status.OOM,
                f"peak memory {result['peak_bytes'] / 1e9:.2f} GB is over {self.workload.memory_gb:g} GB",
            )
        return Outcome(
            _measurements(result, self.workload), {**result["facts"], **self.formats.facts(name)}
        )

    def _foreseen(self, name: str, settings: Mapping[str, Any]) -> Prediction | None:
        """What a configuration takes, perplexity included; not known where layers are put on a GPU,
        which has memory of its own.
        """
        if settings["n_gpu_layers"]:
            return None
        key = sha256([name, *(settings[setting] for setting in DEFAULTS)])
        if key not in self._predictions:
            scored = min(
                settings["n_batch"],
                max(
                    self.workload.quality_tokens // 2, *(len(e["labels"]) for e in self.examples), 1
                ),
            )
            self._predictions[key] = predict(
                self.formats.path(name), [OWN], settings, self.workload.n_ctx, scored
            )[OWN].memory
        return self._predictions[key]


def _measurements(result: dict[str, Any], work: DeployWorkload) -> tuple[Measurement, ...]:
    samples = result["samples"]
    readings = {
        ("end_to_end_tokens_per_s", "tokens/s"): [work.n_generate / s["total_s"] for s in samples],
        ("generation_tokens_per_s", "tokens/s"): [
            (work.n_generate - 1) / s["generate_s"] for s in samples
        ],
        ("prompt_tokens_per_s", "tokens/s"): [work.n_prompt / s["prompt_s"] for s in samples],
        ("llama_generation_tokens_per_s", "tokens/s"): [
            (work.n_generate - 1) / s["llama_generate_s"] for s in samples
        ],
        ("llama_prompt_tokens_per_s", "tokens/s"): [
            work.n_prompt / s["llama_prompt_s"] for s in samples
        ],
        ("first_token_ms", "ms"): [1000 * s["first_token_s"] for s in samples],
        ("load_ms", "ms"): [1000 * result["load_s"]],
        ("peak_memory_mb", "MB"): [result["peak_bytes"] / 1e6],
        ("others_share", "1"): [s["others_share"] for s in samples],
        ("involuntary_switches", "1"): [s["involuntary_switches"] for s in samples],
    }
    if result["perplexity"] is not None:
        readings["perplexity", "1"] = [result["perplexity"]]
    if result["held_out_loss"] is not None:
        readings["held_out_loss", "nats"] = [result["held_out_loss"]]
    return estimated(readings)
