"""Predicts what a model takes while llama.cpp runs it, without loading it, and measures what it
really takes.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from haqa_bench.arithmetic.memory import NEEDED, Prediction
from haqa_bench.backends import gguf_models
from haqa_bench.backends.llama_jobs import Peak, Settings, Simulate, WriteHollow
from haqa_bench.backends.process import run_job
from haqa_bench.errors import HaqaError

SIMULATE_TIMEOUT_S = 600.0
PEAK_TIMEOUT_S = 3600.0
CONFIG = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "feed_forward": "intermediate_size",
    "heads": "num_attention_heads",
    "vocabulary": "vocab_size",
    "kv_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "tied": "tie_word_embeddings",
}
"""Our names of sizes, and those in transformers' config.json."""
LIKE_LLAMA = ("llama", "mistral")
"""The `model_type`s of transformers whose tensors are LLaMA's."""


class Foreseen(NamedTuple):
    """What a model would take in a format, the bytes of its tensors by type, and the weights of
    each that a token is multiplied by.
    """

    memory: Prediction
    types: Mapping[str, int]
    multiplied: Mapping[str, int]


def predict(
    model: Path, formats: Sequence[str], settings: Settings, n_ctx: int, n_outputs: int = 1
) -> dict[str, Foreseen]:
    """By format (OWN is the file's), what a process takes that generates from a context of `n_ctx`
    tokens.

    `n_outputs` is how many tokens of a batch have their logits computed: one when text is
    generated, all (`n_ubatch`) for perplexity.

    Raises:
        EvaluationFailed: llama.cpp refuses the model or a setting.
    """
    job = Simulate(
        model=str(model),
        formats=tuple(formats),
        settings=settings,
        n_ctx=n_ctx,
        n_outputs=n_outputs,
    )
    found = run_job(job, SIMULATE_TIMEOUT_S)
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
        )
        for name, sizes in found.formats.items()
    }


def peak(model: Path, settings: Settings, n_ctx: int) -> int:
    """The most bytes that a process really has which fills a context of `n_ctx` tokens.

    Raises:
        EvaluationFailed: it cannot be loaded, or dies.
    """
    job = Peak(model=str(model), settings=settings, n_ctx=n_ctx)
    return run_job(job, PEAK_TIMEOUT_S).peak


@contextmanager
def file_of(source: str) -> Iterator[Path]:
    """The GGUF file of a model: what gguf_models.find finds, or a hollow one made from
    transformers' config.json, or a folder with it.

    Raises:
        HaqaError: there is no such model.
    """
    path = Path(source).expanduser()
    config = path / "config.json" if path.is_dir() else path
    if config.suffix == ".json":
        with hollow(dimensions_of(config)) as made:
            yield made
    else:
        yield gguf_models.find(source)


@contextmanager
def hollow(dimensions: Mapping[str, int]) -> Iterator[Path]:
    """A GGUF file of a LLaMA-architecture model's sizes, without weights."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "hollow.gguf"
        run_job(WriteHollow(dimensions=dict(dimensions), target=str(target)), SIMULATE_TIMEOUT_S)
        yield target


def dimensions_of(config: Path) -> dict[str, int]:
    """The sizes in transformers' config.json of a LLaMA-architecture model.

    Raises:
        HaqaError: no such file, of another architecture, or a size is missing.
    """
    try:
        read = json.loads(config.read_text("utf-8"))
    except OSError as error:
        raise HaqaError(config, error.strerror or str(error)) from None
    except ValueError as error:
        raise HaqaError(config, f"not JSON: {error}") from None
    if not isinstance(read, dict) or read.get("model_type") not in LIKE_LLAMA:
        raise HaqaError(
            config,
            f"not the config of a model of {' or '.join(LIKE_LLAMA)} type",
            "Give its GGUF file instead",
        )
    sizes = {name: read[key] for name, key in CONFIG.items() if read.get(key) is not None}
    for name in dict.fromkeys((*NEEDED, *sizes)):
        if not isinstance(sizes.get(name), int) or (sizes[name] < 1 and name != "tied"):
            raise HaqaError(config, f"'{CONFIG[name]}' is missing, or no whole number above 0")
    return {name: int(size) for name, size in sizes.items()}


def is_hollow(model: Path) -> bool:
    """Whether a file holds no weights, so that only predictions can be made of it."""
    status = model.stat()
    return status.st_blocks * 512 < status.st_size // 2
