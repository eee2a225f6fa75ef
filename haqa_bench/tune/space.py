"""What is tried when a user's own model is tuned for this machine: a suite of one cell, written to
a folder that runs like any other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from haqa_bench import disk, shipped
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import gguf_files, gguf_models, llama_cpp_memory, llama_devices
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.backends.machine import cpu
from haqa_bench.documents import JsonObject, read_text
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.hardware import to_yaml
from haqa_bench.tune import layers

SPACE: Mapping[str, tuple[Sequence[Any], str]] = {
    "n_ubatch": ((64, 512), "prompt tokens computed at once"),
    "flash_attn": (("off", "on"), "fused attention kernel"),
    "type_k": (("f16", "q8_0"), "number format of the cache's keys"),
    "type_v": (("f16", "q8_0"), "number format of the cache's values"),
}
"""What is tried beside formats and threads, and what it is; llama.cpp's default is in DEFAULT."""
DEFAULT = replace(ONE_THREAD, flash_attn="on")
"""llama.cpp's own settings on a CPU, where `auto` turns the fused kernel on."""
QUALITY_TOKENS = 512
FORMATS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_NL")
"""llama.cpp's formats that are tried beside the file's own, as far as they are no larger: a larger
one holds no more than the file does.
"""
GOALS = {
    "total": ("end_to_end_tokens_per_s", "tokens/s", "maximize"),
    "generation": ("generation_tokens_per_s", "tokens/s", "maximize"),
    "prompt": ("prompt_tokens_per_s", "tokens/s", "maximize"),
    "latency": ("first_token_ms", "ms", "minimize"),
}
"""What a user may want: the metric, its unit, and its direction."""


class Wish(NamedTuple):
    """What a user asks for: a GGUF model, what it may take (bytes), how much quality it must keep
    (1: all of it), and for what use.
    """

    model: str
    limit: int
    min_quality: float
    objective: str
    budget: int
    method: str
    n_ctx: int
    n_prompt: int
    n_generate: int
    llm: str = ""
    """What an agent's LLM is called, where one is the method."""


class Options(NamedTuple):
    """The formats that fit, the file's own first, the larger ones before the smaller ones, and why
    others do not.
    """

    fit: Sequence[str]
    left_out: Mapping[str, str]
    note: str = ""
    """A warning about the context that is wished for."""


def check_name(path: Path) -> None:
    """Refuses a model that no suite can name.

    Raises:
        HaqaError: its path is not UTF-8.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise HaqaError(
            ascii(str(path)), "is no path in UTF-8, as a suite needs it", "Rename it, or link to it"
        ) from None


def check_weights(path: Path) -> None:
    """Refuses a model of random weights, of which no quality can be kept.

    Raises:
        HaqaError: it is one.
    """
    if gguf_files.is_random(path):
        what = "its weights are random: it has its model's speed, and no quality that could be kept"
        raise HaqaError(path, what, "Give the model's own GGUF file")


def options(path: Path, wish: Wish) -> Options:
    """Which formats of the model fit, as llama.cpp plans them for its default settings.

    Raises:
        HaqaError: not even one does, with the sums; or llama.cpp cannot read the model.
    """
    try:
        found = llama_cpp_memory.predict(
            path, [OWN, *FORMATS], DEFAULT, wish.n_ctx, min(QUALITY_TOKENS, wish.n_ctx) // 2
        )
    except EvaluationFailed as failure:
        raise HaqaError(wish.model, failure.reason) from None
    own = found[OWN]
    fit: list[str] = []
    left_out: dict[str, str] = {}
    for name, one in found.items():
        if not one.memory.fits(wish.limit):
            left_out[name] = f"does not fit {wish.limit / 1e6:,.0f} MB: {one.memory.arithmetic()}"
        elif name != OWN and one.types == own.types:
            left_out[name] = "is the file's own"
        elif one.memory.weights > own.memory.weights:
            left_out[name] = "is larger than the file, and holds no more"
        else:
            fit.append(name)
    if not fit:
        raise HaqaError(
            wish.model,
            next(iter(left_out.values())),
            "Allow more with --memory, or shorten --n-ctx",
        )
    return Options(fit, left_out, llama_cpp_memory.beyond_training(found, wish.n_ctx))


def write(folder: Path, wish: Wish, path: Path, formats: Sequence[str], text: str) -> Path:
    """Writes the suite, this machine's profile and the quality text below `folder`; the suite's
    path. What is there already is kept.

    Raises:
        HaqaError: the folder holds another wish, or cannot be written.
    """
    devices, _ = llama_devices.listed()
    hardware = cpu().model_copy(update={"devices": devices})
    fitting = layers.that_fit(path, wish.n_ctx, devices) if devices else 0
    files = {
        "suites/tune.yaml": json.dumps(
            _suite(wish, path, hardware.name, formats, fitting), indent=1
        )
        + "\n",  # JSON is YAML
        "suites/quality.txt": text,
        f"hardware/{hardware.name}.yaml": to_yaml(hardware),
    }
    try:
        for name, words in files.items():
            target = folder / name
            if not target.is_file():
                disk.write(target, words)
            elif name.startswith("suites/") and target.read_text("utf-8") != words:
                raise HaqaError(
                    folder, "holds another tuning", "Name another --output, or delete it"
                )
        (folder / "prompts").mkdir(exist_ok=True)
        templates = shipped.files(folder, "prompts/*.j2") if wish.llm else {}
        for name, template in templates.items():
            (folder / name).write_bytes(template.read_bytes())
    except OSError as error:
        raise HaqaError(
            error.filename or folder, error.strerror or str(error), "Name another --output"
        ) from None
    return folder / "suites" / "tune.yaml"


def _on_devices(fitting: int) -> JsonObject:
    """How many layers are tried on devices: none, half of those that fit, and as many as fit."""
    choices = sorted({0, fitting // 2, fitting})
    about = "layers on the device, from the last on; the output is one"
    return {"n_gpu_layers": {"choices": choices, "default": fitting, "about": about}}


def _suite(
    wish: Wish, path: Path, hardware: str, formats: Sequence[str], fitting: int = 0
) -> JsonObject:
    metric, unit, direction = GOALS[wish.objective]
    cores = psutil.cpu_count(logical=False) or 1
    model = gguf_models.Formats(path)
    contents = model.contents(OWN)
    settings = {
        name: {"choices": list(choices), "default": getattr(DEFAULT, name), "about": about}
        for name, (choices, about) in SPACE.items()
    }
    block = {
        "track": "deploy",
        "models": ["model"],
        "bit_widths": ["any"],
        "hardware": [hardware],
        "workload": {
            "n_ctx": wish.n_ctx,
            "n_prompt": wish.n_prompt,
            "n_generate": wish.n_generate,
            "repeats": 2,
            "quality_text": "quality.txt",
            "quality_tokens": min(QUALITY_TOKENS, wish.n_ctx),
            "timeout_s": 1800.0,
            "memory_gb": wish.limit / 1e9,
        },
        "space": {
            "format": {
                "choices": list(formats),
                "default": formats[0],
                "about": "llama.cpp quantization format; own: the file as it is",
            },
            "n_threads": {
                "choices": sorted({1, max(1, cores // 2), cores}),
                "default": cores,
                "about": "threads",
            },
            **(_on_devices(fitting) if fitting else {}),
            **settings,
        },
        "objective": {
            "metric": metric,
            "unit": unit,
            "direction": direction,
            "constraints": [
                {"metric": "perplexity", "at_most_times_default": round(1 / wish.min_quality, 6)}
            ],
        },
        "budget": {"proposals": wish.budget},
    }
    about = f"{wish.model}, sha256 {model.sha256[:16]}: {contents.tensor_types}"
    described = {
        "gguf": str(path.absolute()),  # a hub's file is a link, and its target has no such name
        "architecture": "of the file",
        "parameters": contents.parameters,
        "about": about,
    }
    return {
        "name": "tune",
        "title": f"{wish.model} on this machine",
        "models": {"model": described},
        "methods": [
            {
                "name": wish.method,
                "optimizer": wish.method,
                **({"chat": {"model": wish.llm}} if wish.llm else {}),
            }
        ],
        "seeds": [0],
        "cells": [block],
    }


def quality_text(given: Path | None) -> str:
    """The text that perplexity is computed of: the file given, or the one that the package brings.

    Raises:
        HaqaError: there is neither, or it is not UTF-8.
    """
    path = given or shipped.found(Path(), "suites/texts/quality.txt")
    if not path.is_file():
        what = "no text to compute perplexity of"
        raise HaqaError(path, what, "Name one, of a few thousand words, with --text")
    return read_text(path)
