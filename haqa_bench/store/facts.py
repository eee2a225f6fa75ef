"""Facts of a trial that have a meaning, as they are recorded (words) and as they are used (values).

A trial's `facts` are words for people, kept as they are in tables and journals. Some are read again
by a report: here, and nowhere else, is how such a fact is written and what it means.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from haqa_bench.arithmetic.device_memory import DevicePlan
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.arithmetic.token_roofline import counted
from haqa_bench.backends.llama_jobs import Contents

BUILD = "llama_cpp_python"
SURROGATE = "surrogate"
"""What a number was simulated by that is a surrogate's, and how far off that is, in words."""
WEIGHTS = "weights"
"""What the weights are where they are not a trained model's: 'random'."""
BITS, TYPES = "bits_per_weight", "tensor_types"
LAYERS, MULTIPLIED, SAFE = "layers", "multiplied", "_safe_mb"
AT = re.compile(r"(.+)_safe_mb_at_(\d+)")
PEAK = "_peak_mb"
PEAKED = re.compile(r"predicted ([\d.]+)(?:, measured ([\d. ]+))?(?:, (not loaded: .+))?")
MEASURED_PEAK, NOT_LOADED, ON_HOST = "measured_peak", "not_loaded", "host_"
"""What a table of plans calls the peaks of real processes, why there are none, and, before its
parts, what stays on the host beside a device."""
PLANNED_BY, PEAKS_OF = "planned_by", "peaks_of"
"""Whose plan a device's sizes are; on what machine, when and with what peaks were measured."""
RIGHT = re.compile(r"[01]+")
SCORES = ("accuracy", "_acc", "_acc_norm")
"""How the names of metrics end that are a share of items which are right."""


class PeakFact(NamedTuple):
    """The predicted peak of a process with a model in one format, in 10^6 bytes; the measured ones,
    or why there is none.
    """

    predicted_mb: float
    measured_mb: tuple[float, ...]
    reason: str


class Facts(NamedTuple):
    """What recorded facts mean. Empty, or None, where they do not tell.

    `multiplied`: the weights that a token is multiplied by, by tensor type. `safe_mb`: what has to
    fit, in 10^6 bytes, by bit-width, and `safe_mb_at` other lengths of the context, in tokens;
    `peaks` are those of processes, by format. `build`: the version of llama-cpp-python.
    `bits_per_weight` and `tensor_types` are of a file's weights. `right`: whether each item was
    right, by metric.
    """

    multiplied: Mapping[str, int]
    layers: int | None
    safe_mb: Mapping[str, float]
    safe_mb_at: Mapping[int, Mapping[str, float]]
    peaks: Mapping[str, PeakFact]
    build: str
    bits_per_weight: float | None
    tensor_types: str
    right: Mapping[str, tuple[bool, ...]]


def installed_build() -> str:
    """The version of this machine's llama-cpp-python; empty where none is installed."""
    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:
        return ""


def parse(words: Mapping[str, str]) -> Facts:
    """What recorded facts mean."""
    return Facts(
        multiplied=counted(words[MULTIPLIED]) if MULTIPLIED in words else {},
        layers=int(words[LAYERS]) if LAYERS in words else None,
        safe_mb={
            name.removesuffix(SAFE): float(said)
            for name, said in words.items()
            if name.endswith(SAFE)
        },
        safe_mb_at=_at_contexts(words),
        peaks={
            name.removesuffix(PEAK): _peak(said)
            for name, said in words.items()
            if name.endswith(PEAK)
        },
        build=words.get(BUILD, ""),
        bits_per_weight=float(words[BITS]) if BITS in words else None,
        tensor_types=words.get(TYPES, ""),
        right={
            name: tuple(item == "1" for item in said)
            for name, said in words.items()
            if name.endswith(SCORES) and RIGHT.fullmatch(said)
        },
    )


def of_file(contents: Contents, random: bool = False) -> dict[str, str]:
    """Of a GGUF file, as words, and that its weights are `random` where they are."""
    return {
        TYPES: contents.tensor_types,
        BITS: f"{contents.bits_per_weight:.3f}",
        "file_bytes": str(contents.file_bytes),
        "parameters": str(contents.parameters),
        **of_token(contents.layers, contents.multiplied),
        **({WEIGHTS: "random"} if random else {}),
    }


def of_token(layers: int, multiplied: Mapping[str, int]) -> dict[str, str]:
    """Of what a token is multiplied by, as words: 'Q4_0 106168320, Q8_0 28311552'."""
    counts = ", ".join(f"{name} {count}" for name, count in multiplied.items())
    return {LAYERS: str(layers), MULTIPLIED: counts}


def of_sizes(sizes: Mapping[str, Prediction | DevicePlan], n_ctx: int = 0) -> dict[str, str]:
    """Of what has to fit at each bit-width, as words, in MB; `n_ctx`: at another length of the
    context than the cell's.
    """
    at = f"_at_{n_ctx}" if n_ctx else ""
    return {f"{bits}{SAFE}{at}": f"{size.safe / 1e6:.1f}" for bits, size in sizes.items()}


def of_peak(
    name: str, predicted: Prediction, measured: Sequence[int], reason: str
) -> dict[str, str]:
    """Of the peaks of processes with a format, as words, in MB: 'predicted 101.5, measured 101.1
    101.2'.
    """
    told = f"predicted {predicted.peak / 1e6:.1f}"
    told += ", measured " + " ".join(f"{size / 1e6:.1f}" for size in measured) if measured else ""
    return {f"{name}{PEAK}": f"{told}, {reason}" if reason else told}


def _at_contexts(words: Mapping[str, str]) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for name, said in words.items():
        if at := AT.fullmatch(name):
            found.setdefault(int(at[2]), {})[at[1]] = float(said)
    return found


def _peak(said: str) -> PeakFact:
    found = PEAKED.fullmatch(said)
    if found is None:
        raise ValueError(f"no peak: {said}")
    measured = tuple(float(size) for size in (found[2] or "").split())
    return PeakFact(float(found[1]), measured, found[3] or "")


def of_answers(metric: str, right: Sequence[int]) -> dict[str, str]:
    """Of the items of a metric, 1 where the answer is right, as words: '0110'."""
    return {metric: "".join(map(str, right))}


def said_ends(low: float, high: float) -> str:
    """The ends of an interval, as a fact."""
    return f"{low:.4f} to {high:.4f}"


def read_ends(text: str) -> tuple[float, float] | None:
    """What `said_ends` wrote; None of an empty text, where no interval was known."""
    low, _, high = text.partition(" to ")
    return (float(low), float(high)) if high else None
