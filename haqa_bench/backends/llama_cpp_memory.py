"""Predicts what a model takes while llama.cpp runs it, without loading it, and measures what it
really takes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import psutil

from haqa_bench.arithmetic.architectures import LAYOUTS
from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.arithmetic.memory import OWN, Prediction, fault_of_sizes
from haqa_bench.backends import gguf_files, gguf_models
from haqa_bench.backends.jobs import Job
from haqa_bench.backends.llama_jobs import (
    PLAN_MEMORY_BYTES,
    Peak,
    Place,
    PlanDevices,
    Planned,
    Settings,
    Simulate,
    WriteHollow,
)
from haqa_bench.backends.process import run_job
from haqa_bench.backends.transformers_config import dimensions_of
from haqa_bench.errors import EvaluationFailed, HaqaError, Status

Plan = TypeVar("Plan")
SIMULATE_TIMEOUT_S = 600.0
PEAK_TIMEOUT_S = 3600.0
SOURCE = re.compile(r"\S*/(?=\S+:\d+: )")
"""The folder of a file of llama.cpp's source: where it was compiled is nobody's business."""


class Foreseen(NamedTuple):
    """What a model would take in a format, the bytes of its tensors by type, and the weights of
    each that a token is multiplied by; and the tokens that it was trained for (0: not told).
    """

    memory: Prediction
    types: Mapping[str, int]
    multiplied: Mapping[str, int]
    n_ctx_train: int = 0


def predict(
    model: Path, formats: Sequence[str], settings: Settings, n_ctx: int, n_outputs: int = 1
) -> dict[str, Foreseen]:
    """By format (OWN is the file's), what a process takes that generates from a context of `n_ctx`
    tokens.

    `n_outputs` is how many tokens of a batch have their logits computed: one when text is
    generated, all (`n_ubatch`) for perplexity.

    Raises:
        EvaluationFailed: llama.cpp refuses the model or a setting, or planning takes too much
        memory.
    """
    job = Simulate(
        memory_bytes=PLAN_MEMORY_BYTES,
        model=str(model),
        formats=tuple(formats),
        settings=settings,
        n_ctx=n_ctx,
        n_outputs=n_outputs,
    )
    found = _planned(job, n_ctx)
    return {
        name: Foreseen(
            Prediction(
                weights=sizes.weights,
                repacked=sizes.repacked,
                cache=found.cache,
                compute=found.compute,
                output=found.output,
                work=found.work,
                runtime=found.runtime,
            ),
            sizes.types,
            sizes.multiplied,
            found.n_ctx_train,
        )
        for name, sizes in found.formats.items()
    }


class Devised(NamedTuple):
    """What a model would take on devices in a format, and the tokens that it was trained for (0:
    not told).
    """

    memory: DevicePlan
    n_ctx_train: int


def plan_for_device(
    model: Path, formats: Sequence[str], settings: Settings, n_ctx: int, declared: str = ""
) -> dict[str, Devised]:
    """By format (OWN is the file's), what a process that generates from a context of `n_ctx` tokens
    takes on each device, and on the host beside, with `settings.n_gpu_layers` layers there.

    The devices are those that llama.cpp knows on this machine, unless one is `declared` by name:
    then the plan is of a single device of that name, made with a device of this machine where there
    is one, and with the CPU's buffers where there is none.

    Raises:
        HaqaError: llama.cpp knows no device here, and none is declared.
        EvaluationFailed: llama.cpp refuses the model or a setting, or planning takes too much
        memory.
    """
    job = PlanDevices(
        memory_bytes=PLAN_MEMORY_BYTES,
        model=str(model),
        formats=tuple(formats),
        settings=replace(settings, split_mode="none") if declared else settings,
        n_ctx=n_ctx,
        n_outputs=1,
    )
    found = _planned(job, n_ctx)
    if not (found.here or declared):
        raise HaqaError(
            "this machine's llama.cpp",
            "knows no device to plan for",
            "Name a profile (haqa-bench hardware list), or install llama.cpp with its backend",
        )
    return {name: Devised(_devised(found, name, declared), found.n_ctx_train) for name in formats}


def plan_here(model: Path, settings: Settings, n_ctx: int) -> DevicePlan | None:
    """The plan for this machine's devices; None where there is none, or llama.cpp refuses to plan
    it (loading it says why).
    """
    try:
        return plan_for_device(model, [OWN], settings, n_ctx)[OWN].memory
    except (EvaluationFailed, HaqaError):
        return None


def _devised(found: Planned, name: str, declared: str) -> DevicePlan:
    """The plan of a format, under the name of the device that it is for."""
    *devices, host = (_share(place, name) for place in found.places)
    if declared:
        devices = [share._replace(place=declared) for share in devices]
    return DevicePlan(tuple(devices), host, _planner(found))


def _share(place: Place, name: str) -> Share:
    return Share(
        place=place.name,
        layers=place.layers,
        weights=place.weights[name],
        repacked=place.repacked[name],
        cache=place.cache,
        compute=place.compute,
        output=place.output,
    )


def _planner(found: Planned) -> str:
    """Whose buffers a plan counts, in words."""
    if not found.here:
        return "llama.cpp's CPU backend, whose buffers stand for the device's"
    told = (f"{place.name} ({place.about})" for place in found.places[:-1])
    return f"llama.cpp's own on {', '.join(told)}"


def _planned(job: Job[Plan], n_ctx: int) -> Plan:
    try:
        return run_job(job, SIMULATE_TIMEOUT_S)
    except EvaluationFailed as failure:
        if failure.status == Status.OOM:
            raise EvaluationFailed(
                Status.OOM,
                f"planning alone takes more than {job.memory_bytes / 1e9:.1f} GB of memory "
                f"({failure.reason}): ask for fewer than {n_ctx} tokens, or check the file",
            ) from None
        if failure.status == Status.CRASHED:
            reason = SOURCE.sub("", failure.reason)
            raise EvaluationFailed(
                Status.CRASHED, f"llama.cpp cannot plan it, and {reason}: is the file damaged?"
            ) from None
        raise


def beyond_training(found: Mapping[str, Foreseen | Devised], n_ctx: int) -> str:
    """A warning where a context is longer than the model was trained for; nothing where it is
    not.
    """
    known = next(iter(found.values())).n_ctx_train
    if not known or n_ctx <= known:
        return ""
    return f"was trained for {known:,} tokens; what it says beyond them is of no worth."


def peak(model: Path, settings: Settings, n_ctx: int) -> int:
    """The most bytes that a process really has which fills a context of `n_ctx` tokens.

    Raises:
        EvaluationFailed: it cannot be loaded, or dies.
    """
    room = psutil.virtual_memory().available
    job = Peak(memory_bytes=room, model=str(model), settings=settings, n_ctx=n_ctx)
    return run_job(job, PEAK_TIMEOUT_S).peak


@contextmanager
def file_of(source: str) -> Iterator[Path]:
    """The GGUF file of a model: what gguf_models.find finds, or a hollow one made from
    transformers' config.json, or a folder with it.

    Raises:
        HaqaError: there is no such model.
    """
    path = gguf_models.expanded(source)
    config = path / "config.json" if path.is_dir() else path
    if config.suffix == ".json":
        with hollow(dimensions_of(config)) as made:
            yield made
    else:
        yield gguf_models.find(source)


@contextmanager
def hollow(dimensions: Mapping[str, int], architecture: str = "llama") -> Iterator[Path]:
    """A GGUF file of a model's sizes, without weights; of Gemma 3's architecture where there is a
    `window`, of LLaMA's where the architecture is none of `architectures.LAYOUTS`, as Mistral's.

    Raises:
        HaqaError: no model has such sizes.
    """
    if fault := fault_of_sizes(dimensions):
        raise HaqaError("the model's dimensions", fault)
    with TemporaryDirectory() as folder:
        target = Path(folder) / "hollow.gguf"
        kind = architecture if architecture in LAYOUTS else "llama"
        job = WriteHollow(dimensions=dict(dimensions), target=str(target), architecture=kind)
        run_job(job, SIMULATE_TIMEOUT_S)
        yield target


def is_hollow(model: Path) -> bool:
    """Whether a file holds no weights, so that only predictions can be made of it."""
    found = [file.stat() for file in gguf_files.shards(model)]
    return sum(one.st_blocks for one in found) * 512 < sum(one.st_size for one in found) // 2
