"""What is tried when a user's own model is tuned: formats that fit, and llama.cpp's settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from haqa_bench.arithmetic.device_memory import Share
from haqa_bench.arithmetic.formats import IMATRIX, RECIPES, form_of
from haqa_bench.arithmetic.memory import OWN, Prediction
from haqa_bench.backends import gguf_files, gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.documents import JsonObject
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tune.minutes import MAKING, making
from haqa_bench.tune.placement import NOWHERE, Placed
from haqa_bench.tune.served import default_context
from haqa_bench.tune.wish import Serving, Wish

SPACE: Mapping[str, tuple[Sequence[Any], str]] = {
    "n_ubatch": ((64, 512), "prompt tokens computed at once"),
    "flash_attn": (("off", "on"), "fused attention kernel"),
    "type_k": (("f16", "q8_0"), "number format of the cache's keys"),
    "type_v": (("f16", "q8_0"), "number format of the cache's values"),
}
"""What is tried beside formats and threads, and what it is; llama.cpp's default is in DEFAULT."""
DEFAULT = replace(ONE_THREAD, flash_attn="on")
"""llama.cpp's own settings on a CPU, where `auto` turns the fused kernel on."""
SLOTS = 4
"""Of llama-server, where nothing is said."""
WINDOW = 512
"""Tokens that are read at once where quality is measured."""
FORMATS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_NL")
"""llama.cpp's formats that are tried beside the file's own."""
WITH_MATRIX = ("IQ3_S", "IQ3_XXS", "IQ2_S", "IQ2_XS", "IQ2_XXS")
"""Those that are worth nothing without an importance matrix, or that llama.cpp refuses then."""
EVEN = ("Q8_0",)
"""Those that round each weight to the nearest, whatever it counts. Their products are the simplest,
so a CPU may read prompts faster in them than in the file's own format, though they are larger; all
else that is larger than the file holds no more, and is left out.
"""


class Options(NamedTuple):
    """The formats that are tried, the default first, then the larger ones before the smaller ones,
    and why others are not.
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


def names(wish: Wish) -> list[str]:
    """The formats that may be tried: with an importance matrix, where there is one, each that it
    makes a difference to, and not without; and recipes, where the file's size is limited.
    """
    plain = [*FORMATS, *(RECIPES if wish.size else ())]
    if not wish.imatrix:
        return [OWN, *plain]
    weighed = [name if name in EVEN else f"{name}{IMATRIX}" for name in (*plain, *WITH_MATRIX)]
    return [OWN, *weighed]


def options(path: Path, wish: Wish, placed: Placed = NOWHERE) -> Options:
    """Which formats of the model fit, as llama.cpp plans them for its default settings, and for all
    slots of a server. What is `placed` on devices takes nothing of the host; where anything is, no
    format that is larger than the file is worth trying.

    Raises:
        HaqaError: not even one does, with the sums; or llama.cpp cannot read the model.
    """
    try:
        n_ctx = default_context(wish)
        found = llama_cpp_memory.predict(path, names(wish), DEFAULT, n_ctx, WINDOW)
    except EvaluationFailed as failure:
        raise HaqaError(wish.model, failure.reason) from None
    fit: list[str] = []
    left_out: dict[str, str] = {}
    beside = _beside(path) if wish.size else 0
    for name in found:
        may_be_larger = () if placed.layers else EVEN
        why = _beyond(placed.of(name).host or found[name].memory, wish.limit)
        if why := why or _against(name, found, wish, beside, may_be_larger):
            left_out[name] = why
        else:
            fit.append(name)
    fit = _ordered(fit, found)
    if not fit:
        raise HaqaError(
            wish.model,
            next(iter(left_out.values())),
            "Allow more with --memory or --size, or shorten --n-ctx",
        )
    slow = _slow(fit[1:], path, wish)
    fast = [name for name in fit if name not in slow]
    note = llama_cpp_memory.beyond_training(found, wish.n_ctx)
    return Options(fast, left_out | slow, note)


def _slow(names: Sequence[str], path: Path, wish: Wish) -> dict[str, str]:
    """Formats whose files would take too much of the minutes to make, with how long."""
    if wish.minutes is None:
        return {}
    parameters = gguf_models.Formats(path).contents(OWN).parameters
    takes = {name: making(name, parameters, _cores()) / 60 for name in names}
    return {
        name: f"takes about {needed:.1f} of the {wish.minutes:g} minutes to make"
        for name, needed in takes.items()
        if needed > MAKING * wish.minutes
    }


def _cores() -> int:
    return psutil.cpu_count(logical=False) or 1


def _beyond(taken: Prediction | Share, limit: int) -> str:
    """That more than the limit is taken, with the sum; nothing where it is not."""
    if taken.safe <= limit:
        return ""
    return f"does not fit {limit / 1e6:,.0f} MB: {taken.arithmetic()}"


def _beside(path: Path) -> int:
    """Bytes of a file beside its weights: a tokenizer's, above all."""
    contents = gguf_models.Formats(path).contents(OWN)
    return contents.file_bytes - contents.stored_bytes


def _against(
    name: str, found: Mapping[str, Foreseen], wish: Wish, beside: int, may_be_larger: Sequence[str]
) -> str:
    """Why a format is left out, whose file holds so many bytes `beside` its weights; nothing where
    it is not.
    """
    own, one = found[OWN], found[name]
    weights = one.memory.weights
    if wish.size and weights + beside > wish.size:
        return f"a file of {(weights + beside) / 1e6:,.1f} MB is over {wish.size / 1e6:,.1f} MB"
    if name == OWN:
        return ""
    if one.types == own.types:
        return "is the file's own"
    if weights > own.memory.weights and name not in may_be_larger:
        return "is larger than the file, and holds no more"
    base = f"{form_of(name).format}{IMATRIX if form_of(name).imatrix else ''}"
    if name != base and one.types == found[base].types:
        return f"is what {base} is"
    return ""


def _ordered(fit: Sequence[str], found: Mapping[str, Foreseen]) -> list[str]:
    """The default first: the file as it is, or else the largest, but no recipe, which is none of
    llama.cpp's own formats; then the larger ones before the smaller ones.
    """
    ordered = sorted(fit, key=lambda name: -found[name].memory.weights)
    plain = [name for name in ordered if not form_of(name).tensors]
    default = [OWN] if OWN in fit else plain[:1]
    return [*default, *(name for name in ordered if name not in default)]


def settings(formats: Sequence[str], placed: Placed, wish: Wish) -> JsonObject:
    """The space that is searched: the formats that fit, the first of them the default, threads,
    what is put on devices, SPACE, and, where a server is asked, its own settings.
    """
    cores = _cores()
    return {
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
        **placed.space(formats),
        **{
            name: {"choices": list(choices), "default": getattr(DEFAULT, name), "about": about}
            for name, (choices, about) in SPACE.items()
        },
        **(_server(wish, wish.serving) if wish.serving else {}),
    }


def _server(wish: Wish, serving: Serving) -> JsonObject:
    """llama-server's own settings; its defaults are four slots that share a cache."""
    found: JsonObject = {}
    if serving.users > 1:
        slots = sorted({1, 2, SLOTS, serving.users})
        found["parallel"] = {"choices": slots, "default": SLOTS, "about": "slots: requests at once"}
        about = "whether all slots share one cache"
        found["kv_unified"] = {"choices": [True, False], "default": True, "about": about}
        about = "whether a request may begin while others are answered"
        found["cont_batching"] = {"choices": [True, False], "default": True, "about": about}
    else:
        found["parallel"] = {"choices": [1], "default": 1, "about": "slots: requests at once"}
    if wish.speculate:  # of what is drafted, a first guess is the server's own
        kinds = ["none", "ngram-simple", "ngram-mod", *(["draft-simple"] if wish.draft else [])]
        about = "what guesses the next tokens, which the model then checks at once"
        found["speculation"] = {"choices": kinds, "default": "none", "about": about}
        about = "tokens guessed at once at most; 0: the server's own"
        unguessed = {"at_most": 0, "when": {"speculation": ["none"]}, "why": "nothing is guessed"}
        longest = {"choices": [0, 4, 8, 16], "default": 0, "about": about, "limit": unguessed}
        found["draft_max"] = longest
    return found
