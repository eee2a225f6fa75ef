"""The model that is fine-tuned, as a folder or hub name that transformers reads.

A GGUF model is converted once and kept below the cache by the hash of its file: its weights as they
are in that file, unpacked.
"""

from pathlib import Path
from typing import NamedTuple

from haqa_bench.backends import gguf_files, gguf_models
from haqa_bench.backends.process import run_job
from haqa_bench.cell import Model
from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.installed import extra, require
from haqa_bench.tasks.folder import cache
from haqa_bench.tracks.qlora.jobs import Convert

CONVERT_TIMEOUT_S = 3600


class Base(NamedTuple):
    """Where the model lies; the GGUF file that it was made from, if any; and what identifies it."""

    name: str
    gguf: Path | None
    identity: str


def find(model: Model) -> Base:
    """The base model of a cell, converted where need be.

    Raises:
        HaqaError: it is missing, or cannot be read.
    """
    for package in ("torch", "transformers", "peft", "bitsandbytes"):
        require(package, "fine-tuning", extra("train"))
    if model.transformers is not None:
        name = model.transformers.removeprefix("hub:")
        return Base(
            name, None, _contents(Path(name)) if Path(name).is_dir() else model.transformers
        )
    source = gguf_models.find(model.gguf or "")
    if gguf_files.is_random(source):
        raise HaqaError(source, "its weights are random", "Give the model's own GGUF file")
    if len(gguf_files.shards(source)) > 1:
        what = "is split into several files, and transformers reads one"
        raise HaqaError(source, what, "Join them with: llama-gguf-split --merge")
    identity = gguf_files.identity(source)
    folder = cache() / identity[:16] / "transformers"
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        run_job(Convert(source=str(source), target=str(partial)), CONVERT_TIMEOUT_S)
        partial.replace(folder)
    return Base(str(folder), source, identity)


def _contents(folder: Path) -> str:
    """A hash of a folder's files: where it lies is nobody's business."""
    return sha256(
        {
            path.name: sha256(path.read_bytes())
            for path in sorted(folder.iterdir())
            if path.is_file()
        }
    )
