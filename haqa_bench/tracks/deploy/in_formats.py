"""What evaluators have in common that run a model's file with llama.cpp on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

from haqa_bench.arithmetic.formats import form_of
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import llama_devices
from haqa_bench.backends.gguf_models import AnyFormats, stem_of
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration
from haqa_bench.store import facts
from haqa_bench.tracks.deploy.quality import Guard
from haqa_bench.tracks.repeats import MeasuredHere, estimated
from haqa_bench.trial import Status


class InFormats(MeasuredHere):
    """Runs a model in the format of each configuration; a file of each is made when first asked."""

    formats: AnyFormats
    guard: Guard | None = None
    """What formats are held against, where quality is asked for."""

    def held(self, found: Outcome, name: str, settings: Settings) -> Outcome:
        """An outcome with how much quality a format and its cache keep, unless it is hopeless, or
        nothing is held against anything. Where a device is software, the CPU judges alone: what is
        read for it is long, and such a device takes minutes for what a CPU does in seconds.
        """
        if self.guard is None or self.hopeless(found):
            return found
        if any(device.software for device in self.cell.hardware.devices):
            settings = on_the_cpu(settings)
        quality = self.guard.of(name, settings)
        told = (*found.measurements, *estimated(quality.readings))
        return found._replace(measurements=told, facts={**found.facts, **quality.facts})

    @property
    def made_with(self) -> Mapping[str, str]:
        """The importance matrix that formats are made with, where there is one."""
        found = self.formats.imatrix_sha256
        return {"imatrix_sha256": found} if found else {}

    def of_file(self, name: str) -> Mapping[str, str]:
        """Facts of the file in a format: what it holds, and the matrix that it was made with."""
        told = facts.of_file(self.formats.contents(name), self.formats.random)
        return {**told, **(self.made_with if form_of(name).imatrix else {})}

    def bits(self, name: str) -> Mapping[tuple[str, str], list[float]]:
        """How many a weight takes in the file of a format."""
        return {("bits_per_weight", "bits"): [self.formats.contents(name).bits_per_weight]}

    @property
    def kind(self) -> str:
        """See MeasuredHere: layers are put on a GPU by a setting alone."""
        return self.cell.hardware.kind if "n_gpu_layers" in self.cell.space.root else "cpu"

    @cached_property
    def machine(self) -> str:
        """See Evaluator: with llama.cpp's own devices, where layers are put on them."""
        from haqa_bench.backends.machine import title

        told = title(self.kind)
        used = llama_devices.titles() if "n_gpu_layers" in self.cell.space.root else ()
        return "; ".join((told, *used))

    def needs(self, configuration: Configuration) -> str:
        """See MakingEvaluator: a file of the model in the configuration's format."""
        name = stem_of(str(configuration["format"]), self.formats.imatrix_sha256)
        return f"{self.formats.sha256}/{name}"

    def unmake(self, configuration: Configuration) -> None:
        """See MakingEvaluator."""
        self.formats.remove(str(configuration["format"]))


def on_the_cpu(settings: Settings) -> Settings:
    """The same without anything on a device."""
    return replace(
        settings,
        n_gpu_layers=0,
        tensor_split="",
        cpu_moe=False,
        n_cpu_moe=0,
        override_tensor="",
    )


def check_foreseen(foreseen: Prediction | None, limit: int) -> None:
    """Raises EvaluationFailed where more than `limit` bytes are foreseen to be taken."""
    if foreseen and not foreseen.fits(limit):
        reason = f"not loaded: does not fit {limit / 1e6:g} MB: {foreseen.arithmetic()}"
        raise EvaluationFailed(Status.OOM, reason)


def check_room(taken: Mapping[str, int], free: Mapping[str, int]) -> None:
    """Raises EvaluationFailed where more bytes of a device are foreseen to be taken than it has
    free: a driver may give host memory in silence. `free` lacks devices that do not tell.
    """
    for name, size in taken.items():
        if size > free.get(name, size):
            told = f"{name} has {free[name] / 1e6:,.0f} MB free, and it takes {size / 1e6:,.0f}"
            raise EvaluationFailed(Status.OOM, f"not loaded: {told}, with the margin")


def check_peak(peak_bytes: int, memory_gb: float, copied: Callable[[], int]) -> None:
    """Raises EvaluationFailed where a process took more memory than it may. What of a mapped file
    was `copied` to devices is no part of that: its pages count as long as nobody needs the memory.
    """
    limit = int(memory_gb * 1e9)
    there = copied() if peak_bytes > limit else 0
    held = peak_bytes - there
    if held > limit:
        told = f", without {there / 1e9:.2f} GB of the file that lie on devices," if there else ""
        reason = f"peak memory {held / 1e9:.2f} GB{told} is over {memory_gb:g} GB"
        raise EvaluationFailed(Status.OOM, reason)
