"""Where the code of a plug-in lies, and the hash of it."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path


def places(path: str) -> list[Path]:
    """The folders, or the one file, of the package that a "module:attribute" belongs to."""
    try:
        spec = find_spec(path.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    alone = [spec.origin] if spec.has_location and spec.origin else []
    return [Path(place) for place in spec.submodule_search_locations or alone]


def is_installed(module: str) -> bool:
    """Whether Python finds the package that a module belongs to; nothing is imported."""
    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


@cache
def installed_source(path: str, name: str, _path: tuple[str, ...]) -> str:
    """SHA-256 over all files that the package and the distribution `name` hold; `_path` is where
    they are looked for.
    """
    walked = {
        file.relative_to(place.parent).as_posix(): file
        for place in places(path)
        for file in every(place)
    }
    return source({**_listed(name), **walked})


def source(files: dict[str, Path]) -> str:
    """SHA-256 over names and bytes of those files that are source or data."""
    found = hashlib.sha256()
    for file, at in sorted(files.items()):
        if _counts(file, at):
            found.update(f"{file}\0{hashlib.sha256(at.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def every(place: Path) -> Iterable[Path]:
    """A file, or all below a folder."""
    return [place] if place.is_file() else place.rglob("*")


def _listed(name: str) -> dict[str, Path]:
    """What pip installed of a distribution."""
    try:
        files = distribution(name).files or []
    except (PackageNotFoundError, ValueError):
        return {}
    return {file.as_posix(): Path(str(file.locate())) for file in files}


def _counts(file: str, at: Path) -> bool:
    """Whether a file is source or data, and not what Python or pip made of it."""
    parts = Path(file).parts
    made = "__pycache__" in parts or ".." in parts or file.endswith((".pyc", ".pth"))
    about = any(part.endswith(".dist-info") or part.startswith("__editable__") for part in parts)
    return not made and not about and at.is_file()
