"""The sizes of a model in transformers' config.json, as far as llama.cpp's plan needs them.

Read are configs of LLaMA's and Gemma 3's architectures. A key that changes a model's size and that
is not read here would make a plan wrong in silence: a config with such a key is refused.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from haqa_bench.arithmetic.memory import NEEDED, fault_of_sizes
from haqa_bench.documents import MAX_BYTES, JsonObject, read_bytes
from haqa_bench.errors import HaqaError

GGUF = "Give its GGUF file instead"
KEYS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "feed_forward": "intermediate_size",
    "heads": "num_attention_heads",
    "vocabulary": "vocab_size",
    "kv_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "context": "max_position_embeddings",
    "tied": "tie_word_embeddings",
}
"""Our names of sizes, and those in a config."""
GEMMA3 = {
    "heads": 8,
    "kv_heads": 4,
    "head_size": 256,
    "vocabulary": 262208,
    "context": 131072,
    "tied": 1,
}
"""Sizes that Gemma 3's published configs leave out: transformers' Gemma3TextConfig has them."""
DEFAULTS: Mapping[str, Mapping[str, int]] = {"llama": {}, "mistral": {}, "gemma3": GEMMA3}
"""The `model_type`s of transformers that are read, and what is known without a config."""
PATTERN = 6
"""Of Gemma 3's layers, each sixth attends to the whole context; llama.cpp knows no other order."""
WINDOW, LAYER_TYPES = "sliding_window", "layer_types"
PATTERNS = ("sliding_window_pattern", "_sliding_window_pattern")
FULL, SLIDING = "full_attention", "sliding_attention"
SIZED = re.compile(
    r"expert|moe|layer|block|head|dim|hidden|size|rank|width|depth|ffn|per_|mamba|ssm|conv|lora"
    r"|state|window|channel|nextn|mtp|_config$"
)
"""A key that is named like this may say how large a model is."""
HARMLESS = {
    "chunk_size_feed_forward",
    "encoder_no_repeat_ngram_size",
    "hidden_act",
    "hidden_activation",
    "hidden_dropout",
    "hidden_dropout_prob",
    "layer_norm_eps",
    "layer_norm_epsilon",
    "layerdrop",
    "max_window_layers",
    "no_repeat_ngram_size",
    "output_hidden_states",
    "quantization_config",  # in which format the weights are is our question
    "use_sliding_window",
}
"""Keys that are named like this, and say nothing of size."""
NOT_SET: tuple[object, ...] = (None, False, 0, "", [], {})


def dimensions_of(config: Path) -> dict[str, int]:
    """The sizes in transformers' config.json of a model of LLaMA's or Gemma 3's architecture, by
    the names that `arithmetic.memory.NEEDED` has.

    Raises:
        HaqaError: no such file, of another architecture, a size is missing or impossible, or a key
        says of sizes that are not read here.
    """
    kind, found = _architecture(config, _read(config))
    names = {**KEYS, "window": WINDOW} if kind == "gemma3" else KEYS
    _check_keys(config, found, set(names.values()))
    given = {name: key for name, key in names.items() if found.get(key) is not None}
    sizes = {**DEFAULTS[kind], **{n: _whole(config, key, found[key]) for n, key in given.items()}}
    for name in NEEDED if kind != "gemma3" else (*NEEDED, "window"):
        if name not in sizes:
            raise _no_number(config, names[name])
    _check_layers(config, found, _attention(kind, sizes["layers"]))
    if fault := fault_of_sizes(sizes):
        raise HaqaError(config, fault, f"Check it, or {GGUF[0].lower()}{GGUF[1:]}")
    return sizes


def _read(config: Path) -> JsonObject:
    """The JSON object in a file.

    Raises:
        HaqaError: there is no file, it is too large, or it holds none.
    """
    if config.exists() and (not config.is_file() or config.stat().st_size > MAX_BYTES):
        raise HaqaError(config, "is no config.json of a model", GGUF)
    text = read_bytes(config)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise HaqaError(config, f"not JSON: {error}") from None
    except RecursionError:
        raise HaqaError(config, "not JSON that can be read: it is nested too deeply") from None
    return found if isinstance(found, dict) else {}


def _architecture(config: Path, found: JsonObject) -> tuple[str, JsonObject]:
    """Its name in DEFAULTS, and the part of the config that speaks of text.

    Raises:
        HaqaError: it is of another.
    """
    kind = found.get("model_type")
    if kind == "gemma3" and isinstance(found.get("text_config"), dict):
        return "gemma3", found["text_config"]
    if kind == "gemma3_text":
        return "gemma3", found
    if isinstance(kind, str) and kind in DEFAULTS and kind != "gemma3":
        return kind, found
    what = f"not the config of a model of {' or '.join(DEFAULTS)} type"
    raise HaqaError(config, what, GGUF)


def _check_keys(config: Path, found: JsonObject, read: set[str]) -> None:
    """Raises HaqaError where a key that is not read may say of sizes."""
    known = read | HARMLESS | {LAYER_TYPES, WINDOW, *PATTERNS}
    unread = [
        key
        for key, value in found.items()
        if key not in known and SIZED.search(key) and value not in NOT_SET
    ]
    if unread:
        what = f"{', '.join(map(repr, unread))} may change its size, and is not known here"
        raise HaqaError(config, what, GGUF)


def _attention(kind: str, layers: int) -> list[str]:
    """What each layer attends to, as llama.cpp plans its cache: of these architectures, Gemma 3
    alone has sliding windows there.
    """
    slides = [kind == "gemma3" and (layer + 1) % PATTERN != 0 for layer in range(min(layers, 1000))]
    return [SLIDING if one else FULL for one in slides]


def _check_layers(config: Path, found: JsonObject, planned: list[str]) -> None:
    """Raises HaqaError where layers attend to something else than llama.cpp plans."""
    if found.get(LAYER_TYPES) not in (None, planned):
        raise HaqaError(config, f"'{LAYER_TYPES}' is not what llama.cpp plans with", GGUF)
    for key in PATTERNS:
        if SLIDING in planned and found.get(key) not in (None, PATTERN):
            raise HaqaError(config, f"'{key}' is not {PATTERN}, as llama.cpp plans with", GGUF)


def _whole(config: Path, key: str, value: object) -> int:
    """A size of at least 1; or whether the output layer is the embedding, as 0 or 1.

    Raises:
        HaqaError: it is something else.
    """
    if isinstance(value, list):
        raise HaqaError(config, f"'{key}' is a list: layers of several sizes are not read", GGUF)
    told = key == KEYS["tied"]
    if isinstance(value, int) and isinstance(value, bool) == told and (told or value > 0):
        return int(value)
    raise _no_number(config, key)


def _no_number(config: Path, key: str) -> HaqaError:
    wanted = "not true or false" if key == KEYS["tied"] else "missing, or no whole number above 0"
    return HaqaError(config, f"'{key}' is {wanted}")
