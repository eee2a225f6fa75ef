"""The deploy track: what a llama.cpp configuration gives (paper: figure 5, table 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends.gguf_models import Formats, formats_of, require_llama_cpp
from haqa_bench.backends.jobs import Example
from haqa_bench.backends.llama_cpp_memory import plan_here, predict
from haqa_bench.backends.llama_jobs import Measure, Measured, Settings, with_defaults
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration
from haqa_bench.tracks.deploy import depth
from haqa_bench.tracks.deploy.in_formats import InFormats, check_foreseen, check_peak
from haqa_bench.tracks.deploy.quality import Guard
from haqa_bench.tracks.deploy.settings import QUALITY, RANDOM_QUALITY, RANDOM_TODO
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.tracks.repeats import estimated, timed
from haqa_bench.trial import Measurement, Status


class DeployEvaluator(InFormats):
    """Runs each configuration with llama.cpp, in a process of its own, and measures it.

    Metrics: end_to_end_tokens_per_s, generation_tokens_per_s and prompt_tokens_per_s (tokens/s),
    first_token_ms, load_ms (ms), energy_j_per_token (J for each generated token, of the whole
    machine, where it tells that), peak_memory_mb (10^6 bytes, weights that are mapped and touched
    included), peak_device_memory_mb (10^6 bytes, where a device is used), bits_per_weight (of the
    file's tensors) and, where asked, perplexity (no unit).
    """

    def __init__(
        self,
        cell: Cell[DeployWorkload],
        source: Path | None = None,
        examples: Sequence[Example] = (),
    ) -> None:
        """`source` is the GGUF file where it is not the cell's model as it is.

        Of `examples`, held_out_loss (nats) is computed.
        """
        require_llama_cpp()
        self.cell, self.workload, self.examples = cell, cell.workload, examples
        self.text = cell.texts.get(QUALITY, "")
        of = cell.workload.imatrix
        self.formats = Formats(source) if source else formats_of(cell.model, of)
        self._check_quality()
        self.guard = self._guard()
        self._predictions: dict[tuple[str, Settings], Prediction] = {}
        self._plans: dict[tuple[str, Settings], DevicePlan | None] = {}

    def _check_quality(self) -> None:
        """Raises HaqaError where quality is asked of random weights."""
        if self.formats.random and (self.text or self.examples):
            raise HaqaError(self.cell.id, RANDOM_QUALITY, RANDOM_TODO)

    def _guard(self) -> Guard | None:
        """What formats are held against, where the workload says so."""
        work = self.workload
        if not (self.text and work.quality_windows):
            return None
        return Guard(self.formats, work.reference, self.text, work.quality_windows)

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {
            "model_sha256": self.formats.sha256,
            "quality_text_sha256": sha256(self.text.encode()),
            **({"reference_sha256": self.guard.reference.sha256} if self.guard else {}),
            **self.made_with,
        }

    def make(self, configuration: Configuration) -> None:
        """See MakingEvaluator; not what is foreseen not to fit."""
        name, limit = str(configuration["format"]), int(self.workload.memory_gb * 1e9)
        self._check_room(name, with_defaults(configuration), limit)
        self.formats.path(name)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. The first that needs a cache fills it, which is part of its seconds."""
        return timed(lambda: self._with_quality(configuration, repeat))

    def _with_quality(self, configuration: Configuration, repeat: int) -> Outcome:
        """A sample; with the first of a configuration, unless it is hopeless, how much quality its
        format and cache keep.
        """
        if self.workload.depth:
            self._fill(configuration)
        found = self._sample(configuration, repeat)
        name, settings = str(configuration["format"]), with_defaults(configuration)
        return found if repeat else self.held(found, name, settings)

    def _sample(self, configuration: Configuration, repeat: int) -> Outcome:
        name, settings = str(configuration["format"]), with_defaults(configuration)
        limit = int(self.workload.memory_gb * 1e9)
        self._check_room(name, settings, limit)
        found = run_job(self._job(name, settings, repeat), self.workload.timeout_s)
        copied = partial(self._copied, name, settings, found)
        check_peak(found.peak_bytes, self.workload.memory_gb, copied)
        self._check_repacked(configuration, found)
        told = {**found.facts, **self.of_file(name)}
        bits = estimated(self.bits(name))
        return Outcome((*_measurements(found, self.workload), *bits), told)

    def _check_repacked(self, configuration: Configuration, found: Measured) -> None:
        """Raises EvaluationFailed where weights that a CPU can repack were to be, and were not."""
        name, settings = str(configuration["format"]), with_defaults(configuration)
        asked = configuration.get("repack") is True and found.facts.get("repacked") == "false"
        foreseen = self._foreseen(name, settings) if asked else None
        if foreseen and foreseen.repacked:
            reason = "repack is to be on, and llama.cpp repacked no weights: was it built for that?"
            raise EvaluationFailed(Status.SETTING_IGNORED, reason, facts=found.facts)

    def _copied(self, name: str, settings: Settings, found: Measured) -> int:
        """Bytes of the mapped file that were read only to be copied to devices."""
        plan = self._plan(name, settings) if found.facts.get("mmap") == "true" else None
        return plan.copied(self.formats.contents(name).stored_bytes) if plan else 0

    def _planned(self, name: str, settings: Settings) -> Mapping[str, int]:
        """Bytes of weights that each device is to hold; none where none is, or nobody can say."""
        plan = self._plan(name, settings)
        return plan.weights if plan else {}

    def _plan(self, name: str, settings: Settings) -> DevicePlan | None:
        """What is to lie where; None where no layer is to lie on a device, or nobody can say."""
        if not settings.n_gpu_layers or settings.split_mode == "row":
            return None
        key = name, replace(settings, n_threads=1, n_threads_batch=1)
        if key not in self._plans:
            self._plans[key] = plan_here(self.formats.header(name), settings, self.workload.n_ctx)
        return self._plans[key]

    def _fill(self, configuration: Configuration) -> None:
        """Fills the cache that a sample begins with, where that was not done yet; see depth."""
        name, settings = str(configuration["format"]), with_defaults(configuration)
        limit = int(self.workload.memory_gb * 1e9)
        if not depth.filled(self.formats, name, settings, self.workload).is_file():
            self._check_room(name, settings, limit)
            depth.fill(self.formats, name, settings, self.workload)

    def _check_room(self, name: str, settings: Settings, limit: int) -> None:
        """Raises EvaluationFailed where a configuration is foreseen to take more than `limit`
        bytes.
        """
        check_foreseen(self._foreseen(name, settings), limit)

    def _job(self, name: str, settings: Settings, repeat: int) -> Measure:
        work = self.workload
        return Measure(
            memory_bytes=int(work.memory_gb * 1e9),
            model=str(self.formats.path(name)),
            settings=settings,
            n_ctx=work.n_ctx,
            n_prompt=work.n_prompt,
            n_generate=work.n_generate,
            repeats=work.repeats,
            warm_up=work.warm_up,
            depth=work.depth,
            filled=str(depth.filled(self.formats, name, settings, work)) if work.depth else "",
            quality_tokens=work.quality_tokens,
            text="" if repeat or self.guard else self.text,
            examples=tuple(self.examples) if repeat == 0 else (),
            planned=self._planned(name, settings),
        )

    def _foreseen(self, name: str, settings: Settings) -> Prediction | None:
        """What a configuration takes, perplexity included; not known where layers are put on a GPU,
        which has memory of its own.
        """
        if settings.n_gpu_layers:
            return None
        key = name, replace(settings, n_threads=1, n_threads_batch=1)
        if key not in self._predictions:
            most = max(
                self.workload.quality_tokens // 2, *(len(e.labels) for e in self.examples), 1
            )
            self._predictions[key] = predict(
                self.formats.header(name),
                [OWN],
                settings,
                self.workload.n_ctx,
                min(settings.n_batch, most),
            )[OWN].memory
        return self._predictions[key]


def _measurements(found: Measured, work: DeployWorkload) -> tuple[Measurement, ...]:
    samples = found.samples
    after_first = work.n_generate - 1
    readings: dict[tuple[str, str], Sequence[float]] = {
        ("end_to_end_tokens_per_s", "tokens/s"): [work.n_generate / s.total_s for s in samples],
        ("generation_tokens_per_s", "tokens/s"): [after_first / s.generate_s for s in samples],
        ("prompt_tokens_per_s", "tokens/s"): [work.n_prompt / s.prompt_s for s in samples],
        ("llama_generation_tokens_per_s", "tokens/s"): [
            after_first / s.llama_generate_s for s in samples
        ],
        ("llama_prompt_tokens_per_s", "tokens/s"): [
            work.n_prompt / s.llama_prompt_s for s in samples
        ],
        ("first_token_ms", "ms"): [1000 * s.first_token_s for s in samples],
        ("load_ms", "ms"): [1000 * found.load_s],
        ("peak_memory_mb", "MB"): [found.peak_bytes / 1e6],
        ("others_share", "1"): [s.others_share for s in samples],
        ("involuntary_switches", "1"): [s.involuntary_switches for s in samples],
    }
    if all(s.energy_j is not None for s in samples):
        taken = [s.energy_j / work.n_generate for s in samples if s.energy_j is not None]
        readings["energy_j_per_token", "J"] = taken
    if found.perplexity is not None:
        readings["perplexity", "1"] = [found.perplexity]
    if found.device_bytes is not None:
        readings["peak_device_memory_mb", "MB"] = [found.device_bytes / 1e6]
    if found.held_out_loss is not None:
        readings["held_out_loss", "nats"] = [found.held_out_loss]
    return estimated(readings)
