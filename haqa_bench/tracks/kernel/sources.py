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


def file_of(kernel: str) -> str:
    """The kernel's own file, normalised as a source is that stands in its place."""
    return normalised((FOLDER / f"{kernel}.cl").read_text())


def headers() -> Mapping[str, str]:
    """The text of what a kernel may include, by name."""
    return {path.name: path.read_text() for path in sorted(FOLDER.glob("*.h"))}


def whole(kernel: str) -> str:
    """All that a kernel is compiled from, as one text."""
    files = [*sorted(FOLDER.glob("*.h")), FOLDER / f"{kernel}.cl"]
    return "\n".join(path.read_text() for path in files)


def sources_sha256(kernel: str, folder: Path) -> str:
    """The hash of all that a kernel is compiled from."""
    files = [*sorted(folder.glob("*.h")), folder / f"{kernel}.cl"]
    return sha256({path.name: sha256(path.read_bytes()) for path in files})
