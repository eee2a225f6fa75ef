"""The kernels' sources: what is tuned of them, and their hash."""

from pathlib import Path

from haqa_bench.documents import sha256
from haqa_bench.tracks.kernel.folder import FOLDER as FOLDER


def tunable_part(kernel: str) -> str:
    """The kernel itself, from its first comment on, without what it includes."""
    lines = (FOLDER / f"{kernel}.cl").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("#include"))


def helpers(kernel: str) -> str:
    """What a kernel includes, as one text."""
    included = [
        line.split('"')[1]
        for line in (FOLDER / f"{kernel}.cl").read_text().splitlines()
        if line.startswith("#include")
    ]
    return "\n".join((FOLDER / name).read_text().rstrip() for name in included)


def whole(kernel: str) -> str:
    """All that a kernel is compiled from, as one text."""
    files = [*sorted(FOLDER.glob("*.h")), FOLDER / f"{kernel}.cl"]
    return "\n".join(path.read_text() for path in files)


def sources_sha256(kernel: str, folder: Path) -> str:
    """The hash of all that a kernel is compiled from."""
    files = [*sorted(folder.glob("*.h")), folder / f"{kernel}.cl"]
    return sha256({path.name: sha256(path.read_bytes()) for path in files})


def translation_sha256() -> str:
    """The hash of all that makes CUDA C++ of a kernel's source."""
    files = [FOLDER / "opencl.cuh", FOLDER.parent / "worker" / "cuda_source.py"]
    return sha256({path.name: sha256(path.read_bytes()) for path in files})
