"""The files that a GGUF model lies in: one, or several where it is split. Then llama.cpp is given
the first, and finds the others by name (NAME-00001-of-00003.gguf).
"""

import hashlib
import re
from pathlib import Path

from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError

SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
"""How the name of a split model's file ends: which it is, and of how many."""
RANDOM_KEY = "haqa_bench.weights"
"""The key of a GGUF file that haqa-bench made of random weights."""
METADATA_BYTES = 2**24
"""Where a file's keys end, however large its tokenizer is."""
TODO = "Give a GGUF file's path, package:NAME or hub:OWNER/REPO/FILE"


def shards(first: Path) -> list[Path]:
    """All files of the model whose first one is at `first`, in order; that one alone where the
    model is not split.
    """
    found = SHARD.search(first.name)
    if not found:
        return [first]
    stem, count = SHARD.sub("", first.name), max(1, int(found[2]))
    names = (f"{stem}-{number:05d}-of-{found[2]}.gguf" for number in range(1, count + 1))
    return [first.with_name(name) for name in names]


def ending(first: Path) -> str:
    """How a copy of a model's file has to end for llama.cpp to find the others: '.gguf', or
    '-00001-of-00003.gguf'.
    """
    found = SHARD.search(first.name)
    return found[0] if found else ".gguf"


def identity(first: Path) -> str:
    """What identifies a model: the sha256 of its file, or of the hashes of all its files, in
    hex.
    """
    found = [_hash(file) for file in shards(first)]
    return found[0] if len(found) == 1 else sha256(found)


def check_first(path: Path) -> None:
    """Refuses a file of a split model that is not its first.

    Raises:
        HaqaError: says which to name.
    """
    found = SHARD.search(path.name)
    if found and found[1] != "00001":
        first = path.with_name(f"{SHARD.sub('', path.name)}-00001-of-{found[2]}.gguf")
        what = f"is file {int(found[1])} of {int(found[2])} of a split model"
        raise HaqaError(path, what, f"Name the first: {first}")


def check(first: Path) -> None:
    """Refuses what is not a whole GGUF model, as far as that is seen from outside.

    Raises:
        HaqaError: a file is missing, a folder, unreadable, or does not begin as a GGUF file does.
    """
    check_first(first)
    for file in shards(first):
        if (begins := _first_bytes(file, first)) != b"GGUF":
            what = "it does not begin with 'GGUF'" if begins else "it is empty"
            raise HaqaError(file, f"not a GGUF file: {what}", "Convert the model to GGUF first")


def is_random(first: Path) -> bool:
    """Whether the weights of a model are random ones that haqa-bench made."""
    with first.open("rb") as file:
        return RANDOM_KEY.encode() in file.read(METADATA_BYTES)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_bytes(file: Path, first: Path) -> bytes:
    try:
        if file.is_dir():
            raise HaqaError(file, "is a folder", "Name the GGUF file in it")
        if not file.is_file():
            raise _not_there(file, first)
        with file.open("rb") as opened:
            return opened.read(4)
    except OSError as error:
        raise HaqaError(file, error.strerror or str(error), TODO) from None


def _not_there(file: Path, first: Path) -> HaqaError:
    if not first.is_file():
        return HaqaError(first, "no such model file", TODO)
    todo = "Put all of them into one folder, under the names that they were given"
    return HaqaError(file, f"this file of the split model {first.name} is not there", todo)
