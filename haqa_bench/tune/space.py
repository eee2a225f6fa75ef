"""What is tried when a user's own model is tuned for this machine: a suite of one cell, written to a folder that runs like any other."""

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.gguf_models import OWN
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.machine import detect
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.evaluators.deploy import DEFAULTS
from haqa_bench.hardware import to_yaml

FORMATS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_NL")
"""llama.cpp's formats that are tried beside the file's own, as far as they are no larger: a larger one holds no more than the file does."""
GOALS = {
    "total": ("end_to_end_tokens_per_s", "tokens/s", "maximize"),
    "generation": ("generation_tokens_per_s", "tokens/s", "maximize"),
    "prompt": ("prompt_tokens_per_s", "tokens/s", "maximize"),
    "latency": ("first_token_ms", "ms", "minimize"),
}
"""What a user may want: the metric, its unit, and its direction."""


class Wish(NamedTuple):
    """What a user asks for: a GGUF model, what it may take (bytes), how much quality it must keep (1: all of it), and for what use."""

    model: str
    limit: int
    min_quality: float
    objective: str
    budget: int
    method: Mapping[str, Any]
    n_ctx: int
    n_prompt: int
    n_generate: int


class Options(NamedTuple):
    """The formats that fit, the file's own first, and why others do not."""

    fit: Mapping[str, Foreseen]
    left_out: Mapping[str, str]


def options(path: Path, wish: Wish) -> Options:
    """Which formats of the model fit, as llama.cpp plans them for its default settings.

    Raises:
        HaqaError: not even one does, with the sums; or llama.cpp cannot read the model.
    """
    settings = {**DEFAULTS, "n_threads": 1, "n_threads_batch": 1}
    try:
        found = llama_cpp_memory.predict(path, [OWN, *FORMATS], settings, wish.n_ctx)
    except EvaluationFailed as failure:
        raise HaqaError(wish.model, failure.reason) from None
    own = found[OWN]
    fit, left_out = {}, {}
    for name, one in found.items():
        if not one.memory.fits(wish.limit):
            left_out[name] = f"does not fit {wish.limit / 1e6:,.0f} MB: {one.memory.arithmetic()}"
        elif name != OWN and one.types == own.types:
            left_out[name] = "is the file's own"
        elif one.memory.weights > own.memory.weights:
            left_out[name] = "is larger than the file, and holds no more"
        else:
            fit[name] = one
    if not fit:
        raise HaqaError(wish.model, f"{next(iter(left_out.values()))}", "Allow more with --memory, or shorten --n-ctx")
    return Options(fit, left_out)


def write(folder: Path, wish: Wish, path: Path, formats: Sequence[str], text: str) -> Path:
    """Writes the suite, this machine's profile and the quality text below `folder`; the suite's path. What is there already is kept.

    Raises:
        HaqaError: the folder holds another wish.
    """
    suite = folder / "suites" / "tune.yaml"
    hardware = detect()
    words = json.dumps(_suite(wish, path, hardware.name, formats), indent=1) + "\n"  # JSON is YAML
    if suite.is_file() and suite.read_text("utf-8") != words:
        raise HaqaError(folder, "holds another tuning", "Name another --output, or delete it")
    for where, what in (
        (suite, words),
        (folder / "hardware" / f"{hardware.name}.yaml", to_yaml(hardware)),
        (folder / "suites" / "quality.txt", text),
    ):
        where.parent.mkdir(parents=True, exist_ok=True)
        if not where.is_file():
            where.write_text(what, "utf-8")
    (folder / "prompts").mkdir(exist_ok=True)
    return suite


def _suite(wish: Wish, path: Path, hardware: str, formats: Sequence[str]) -> dict[str, Any]:
    metric, unit, direction = GOALS[wish.objective]
    cores = psutil.cpu_count(logical=False) or 1
    chosen = list(formats)
    facts = gguf_models.Formats(path).facts(OWN)
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
            "quality_tokens": min(512, wish.n_ctx),
            "timeout_s": 1800.0,
            "memory_gb": wish.limit / 1e9,
        },
        "space": {
            "format": {
                "choices": chosen,
                "default": chosen[0],
                "about": "llama.cpp quantization format of the weights; own: as they are in the file",
            },
            "n_threads": {
                "choices": sorted({1, max(1, cores // 2), cores}),
                "default": cores,
                "about": "threads, for the prompt and for generation",
            },
            "n_ubatch": {"choices": [64, 512], "default": 512, "about": "prompt tokens computed at once"},
            "flash_attn": {"choices": ["off", "on"], "default": "on", "about": "fused attention kernel"},
            "type_k": {"choices": ["f16", "q8_0"], "default": "f16", "about": "number format of the cache's keys"},
            "type_v": {"choices": ["f16", "q8_0"], "default": "f16", "about": "number format of the cache's values"},
        },
        "objective": {
            "metric": metric,
            "unit": unit,
            "direction": direction,
            "constraints": [{"metric": "perplexity", "at_most_times_default": round(1 / wish.min_quality, 6)}],
        },
        "budget": {"proposals": wish.budget},
    }
    model = {
        "gguf": str(path),
        "architecture": "of the file",
        "parameters": int(facts["parameters"]),
        "about": f"{wish.model}: {facts['tensor_types']}",
    }
    return {
        "name": "tune",
        "title": f"{wish.model} on this machine",
        "models": {"model": model},
        "methods": [dict(wish.method)],
        "seeds": [0],
        "cells": [block],
    }


def quality_text(given: Path | None) -> str:
    """The text that perplexity is computed of: the file given, or the one of this project's own suites.

    Raises:
        HaqaError: there is neither, or it is not UTF-8.
    """
    spec = importlib.util.find_spec("haqa_bench")
    assert spec is not None
    assert spec.origin is not None
    path = given or Path(spec.origin).parents[1] / "suites" / "texts" / "quality.txt"
    try:
        return path.read_text("utf-8")
    except OSError:
        raise HaqaError(path, "no text to compute perplexity of", "Name one, of a few thousand words, with --text") from None
    except UnicodeDecodeError:
        raise HaqaError(path, "the quality text is not UTF-8") from None
