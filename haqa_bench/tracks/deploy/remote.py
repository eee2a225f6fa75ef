"""The deploy track on a device that is not this machine: llama.cpp's own llama-bench and llama-cli,
run where the profile's target says.
"""

from collections.abc import Mapping
from functools import cached_property

from haqa_bench.backends import targets
from haqa_bench.backends.gguf_files import ending, shards
from haqa_bench.backends.gguf_models import formats_of, require_llama_cpp, stem_of
from haqa_bench.backends.llama_jobs import with_defaults
from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration
from haqa_bench.store import facts
from haqa_bench.tracks.deploy import llama_tools
from haqa_bench.tracks.deploy.settings import AGAINST_REFERENCE
from haqa_bench.tracks.deploy.workload import DeployWorkload
from haqa_bench.tracks.repeats import estimated, repeated, timed
from haqa_bench.trial import Status

SAID_TIMEOUT_S = 20.0
UNTOLD = ("perplexity", *AGAINST_REFERENCE, "peak_memory_mb", "peak_device_memory_mb")
"""Metrics that llama-bench does not tell."""


class RemoteEvaluator:
    """Puts each format's file on the target once, and runs it there with a configuration's
    settings.

    Metrics: end_to_end_tokens_per_s, generation_tokens_per_s and prompt_tokens_per_s (tokens/s), as
    llama-bench takes them. What took effect, build, backends and devices are the trial's facts.
    Formats are made on this machine. There is no perplexity, and no peak memory, which llama-bench
    does not tell; the memory limit is the target's `ulimit -d`.
    """

    whole: Whole | None = None

    def __init__(self, cell: Cell[DeployWorkload]) -> None:
        require_llama_cpp()
        if cell.objective.constraints and any(
            c.metric in UNTOLD for c in cell.objective.constraints
        ):
            raise HaqaError(
                cell.id,
                "a target measures neither perplexity nor peak memory",
                "Leave that constraint out",
            )
        if "n_threads_batch" in cell.space.root:
            raise HaqaError(
                f"{cell.id}: space",
                "llama-bench has one number of threads, n_threads",
                "Leave n_threads_batch out",
            )
        self.cell, self.workload = cell, cell.workload
        self.target = targets.parse(cell.hardware.target)
        self.formats = formats_of(cell.model, cell.workload.imatrix)

    @cached_property
    def machine(self) -> str:
        """See Evaluator: the target's own words."""
        try:
            said = self.target.run(["uname", "-srm"], SAID_TIMEOUT_S).strip()
        except EvaluationFailed as failure:
            raise HaqaError(f"{self.target.kind}://{self.target.address}", failure.reason) from None
        return f"{self.cell.hardware.title} ({said}), over {self.target.kind}"

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        matrix = self.formats.imatrix_sha256
        made_with = {"imatrix_sha256": matrix} if matrix else {}
        return {"model_sha256": self.formats.sha256, **made_with}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        return repeated(self.cell, self.sample, configuration)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. That the model speaks is seen once."""
        return timed(lambda: self._bench(configuration, repeat))

    def _bench(self, configuration: Configuration, repeat: int) -> Outcome:
        name, work = str(configuration["format"]), self.workload
        settings = with_defaults(configuration)
        model = self._put(name)
        if (
            repeat == 0
            and not self._run(llama_tools.cli("./llama-cli", model, settings, work.n_ctx)).strip()
        ):
            raise EvaluationFailed(Status.WRONG_OUTPUT, "llama-cli says nothing")
        found = llama_tools.parse_bench(
            self._run(llama_tools.bench("./llama-bench", model, settings, work)), settings, work
        )
        readings = {
            ("end_to_end_tokens_per_s", "tokens/s"): [work.n_generate / s for s in found.total_s],
            ("generation_tokens_per_s", "tokens/s"): [
                work.n_generate / s for s in found.generate_s
            ],
            ("prompt_tokens_per_s", "tokens/s"): [work.n_prompt / s for s in found.prompt_s],
        }
        told = {**found.facts, **facts.of_file(self.formats.contents(name), self.formats.random)}
        return Outcome(estimated(readings), told)

    def _put(self, name: str) -> str:
        """The path on the target of a format's file, the first where there are several."""
        stem = f"{self.formats.sha256[:16]}-{stem_of(name, self.formats.imatrix_sha256)}"
        files = shards(self.formats.path(name))
        first, *_ = [self.target.put(file, stem + ending(file)) for file in files]
        return first

    def _run(self, command: list[str]) -> str:
        return self.target.run(command, self.workload.timeout_s, int(self.workload.memory_gb * 1e9))
