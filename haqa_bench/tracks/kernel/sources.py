"""The kernels' sources: what is tuned of them, and their hash."""

from collections.abc import Mapping
from pathlib import Path

from haqa_bench.documents import sha256
from haqa_bench.parameters.code import normalised
from haqa_bench.tracks.kernel.folder import FOLDER as FOLDER


def tunable_part(kernel: str) -> str:
    """The kernel itself, from its first comment on, without what it includes."""
    lines = (FOLDER / f"{kernel}.cl").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("#include"))


def helpers(kernel: str) -> str:
    """What a kernel includes, as one text."""
    return "\n".join((FOLDER / name).read_text().rstrip() for name in _included(kernel, FOLDER))


def file_of(kernel: str) -> str:
    """The kernel's own file, normalised as a source is that stands in its place."""
    return normalised((FOLDER / f"{kernel}.cl").read_text())


def headers(kernel: str) -> Mapping[str, str]:
    """The text of what a kernel includes, by name."""
    return {name: (FOLDER / name).read_text() for name in _included(kernel, FOLDER)}


def whole(kernel: str) -> str:
    """All that a kernel is compiled from, as one text."""
    return "\n".join(path.read_text() for path in _files(kernel, FOLDER))


def sources_sha256(kernel: str, folder: Path) -> str:
    """The hash of all that a kernel is compiled from."""
    return sha256({path.name: sha256(path.read_bytes()) for path in _files(kernel, folder)})


def translation_sha256() -> str:
    """The hash of all that makes CUDA C++ of a kernel's source."""
    files = [FOLDER / "opencl.cuh", FOLDER.parent / "worker" / "cuda_source.py"]
    return sha256({path.name: sha256(path.read_bytes()) for path in files})


def _files(kernel: str, folder: Path) -> list[Path]:
    """Headers that any kernel may include, what this one includes besides, and its own file."""
    common = sorted(folder.glob("*.h"))
    own = [folder / name for name in _included(kernel, folder)]
    return [*common, *(path for path in own if path not in common), folder / f"{kernel}.cl"]


def _included(kernel: str, folder: Path) -> list[str]:
    lines = (folder / f"{kernel}.cl").read_text().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith("#include")]
