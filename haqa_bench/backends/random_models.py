"""Models of random weights: of a real model's architecture, sizes and tensor types, made here.

How fast a model is, and what memory it takes, depends on these alone, and not on what its weights
say. A format's file is written when it is first asked for, and kept below the cache:
`~/.cache/haqa-bench/random/<16 digits of its identity>/Q4_0.gguf`. Files of gigabytes fill a disk,
so that the ones that were not used for longest are removed where room is short, or where all
together take more than HAQA_BENCH_RANDOM_GB says.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from haqa_bench import disk
from haqa_bench.arithmetic.architectures import whole
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends.llama_jobs import (
    PLAN_MEMORY_BYTES,
    Contents,
    Inspect,
    RandomModel,
    WriteRandom,
)
from haqa_bench.backends.process import run_job
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tasks.folder import cache

WRITER = 1
"""Raised whenever the same sizes and seed give another file."""
WRITE_TIMEOUT_S = 3600.0
WRITE_MEMORY_BYTES = 2 * 10**9
"""What a process may take that writes a file of any size."""
SPARE_BYTES = 2 * 10**9
"""Left free on the disk: others write there too."""
MOST = "HAQA_BENCH_RANDOM_GB"
HEADER = ".header.gguf"
NAMED = re.compile(r"\w+")
TODO = (
    "Make room there, name another folder with HAQA_BENCH_CACHE, or haqa-bench synthesize --remove"
)


def random_folder() -> Path:
    """Below which the files lie."""
    return cache() / "random"


class Kept(NamedTuple):
    """A file of random weights on this machine, its bytes, and when it was last used."""

    path: Path
    size: int
    used: float


class RandomFormats:
    """One model's file of random weights in each format that is asked for, as gguf_models.Formats
    has them of a model's own.
    """

    random, imatrix_sha256 = True, ""

    def __init__(self, model: RandomModel, folder: Path | None = None) -> None:
        self.model = model
        self.sha256 = identity(model)
        self.folder = (folder or random_folder()) / self.sha256[:16]
        self._contents: dict[str, Contents] = {}

    def path(self, name: str) -> Path:
        """The file in format `name`, made where it is not there.

        Raises:
            EvaluationFailed: llama.cpp's quantizer knows no such format, or refuses it.
            HaqaError: there is no room for it.
        """
        size = self.header(name).stat().st_size
        target = self.folder / f"{name}.gguf"
        if target.is_file():
            os.utime(target)
        else:
            make_room(size, target)
            self._write(name, target, data=True)
        return target

    def remove(self, name: str) -> None:
        """Removes the file in format `name`, if it is there."""
        (self.folder / f"{name}.gguf").unlink(missing_ok=True)

    def header(self, name: str) -> Path:
        """The file in format `name` with a hole in place of its weights, from which llama.cpp plans
        what it would take: some kilobytes, and room for a tokenizer.

        Raises:
            EvaluationFailed: as `path`.
            HaqaError: it cannot be written.
        """
        if name == OWN or not NAMED.fullmatch(name):
            raise EvaluationFailed(Status.REFUSED, f"no random weights are made in '{name}'")
        target = self.folder / f"{name}{HEADER}"
        if not target.is_file():
            self._write(name, target, data=False)
        return target

    def contents(self, name: str) -> Contents:
        """What the file in format `name` holds; it need not be there.

        Raises:
            EvaluationFailed: as `path`.
            HaqaError: it cannot be written.
        """
        if name not in self._contents:
            job = Inspect(files=(str(self.header(name)),), memory_bytes=PLAN_MEMORY_BYTES)
            self._contents[name] = run_job(job, WRITE_TIMEOUT_S)
        return self._contents[name]

    def write(self, name: str, target: Path) -> None:
        """Writes the file in format `name` to another place.

        Raises:
            EvaluationFailed: as `path`.
            HaqaError: there is no room for it, or it cannot be written.
        """
        check_room(self.header(name).stat().st_size, target)
        self._write(name, target, data=True)

    def _write(self, name: str, target: Path, data: bool) -> None:
        with disk.written(target) as partial:
            job = WriteRandom(
                memory_bytes=WRITE_MEMORY_BYTES,
                model=self.model,
                format=name,
                target=str(partial),
                data=data,
            )
            run_job(job, WRITE_TIMEOUT_S)


def identity(model: RandomModel) -> str:
    """What identifies random weights, in hex: all that they depend on but the format."""
    return sha256(
        {
            "architecture": model.architecture,
            "dimensions": whole(model.architecture, model.dimensions),
            "seed": model.seed,
            "writer": WRITER,
        }
    )


def kept(folder: Path | None = None) -> list[Kept]:
    """The files of random weights that are there, the one first that was not used for longest."""
    return sorted(_found(folder or random_folder()), key=lambda one: one.used)


def _found(folder: Path) -> Iterator[Kept]:
    for path in folder.glob("*/*.gguf"):
        if not path.name.endswith(HEADER):
            told = path.stat()
            yield Kept(path, told.st_size, told.st_mtime)


def make_room(size: int, target: Path) -> None:
    """Removes the files of random weights that were not used for longest, until there is room for
    one more of so many bytes.

    Raises:
        HaqaError: even without any there is not.
    """
    there, most = kept(target.parent.parent), _most()
    together = sum(one.size for one in there)
    check_room(size, target, beside=together)
    short = size + SPARE_BYTES - _free(target)
    for one in there:
        if short <= 0 and together + size <= most:
            return
        with disk.faults(one.path):
            one.path.unlink(missing_ok=True)
        short, together = short - one.size, together - one.size


def check_room(size: int, target: Path, beside: int = 0) -> None:
    """Refuses a file that its disk has no room for, even if `beside` bytes are removed there.

    Raises:
        HaqaError: says how much it needs, and how much there is.
    """
    if (room := _free(target) + beside) < size + SPARE_BYTES:
        what = f"needs {size / 1e9:.1f} GB, and {SPARE_BYTES / 1e9:.0f} GB to spare"
        raise HaqaError(target, f"{what}; there are {room / 1e9:.1f} GB", TODO)


def _free(target: Path) -> int:
    with disk.faults(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(target.parent).free


def _most() -> float:
    """The bytes that all files may take together: without a limit where none is given.

    Raises:
        HaqaError: what is given is no number.
    """
    told = os.environ.get(MOST, "")
    try:
        return float(told) * 1e9 if told else float("inf")
    except ValueError:
        raise HaqaError(MOST, f"'{told}' is no number of gigabytes", "Write it as 20") from None


def remove(made: RandomFormats | None = None) -> int:
    """Removes the files of random weights, all of them or those of one model; the bytes that were
    freed.

    Raises:
        HaqaError: one cannot be removed.
    """
    within = made.folder if made else random_folder()
    folders = [within] if made else sorted(within.glob("*"))
    gone = [one for one in kept() if one.path.parent in folders]
    for path in folders:
        with disk.faults(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return sum(one.size for one in gone)
