"""Text files that a workload names, relative to its suite's."""

from pathlib import Path

from haqa_bench.documents import read_text
from haqa_bench.errors import HaqaError


def beside(name: str, folder: Path, what: str) -> str:
    """The text of a file beside or below its suite; `what` it is, for people.

    Raises:
        HaqaError: it is missing, elsewhere, or not UTF-8.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise HaqaError(name, f"{what} must lie beside or below the suite", "Copy it there")
    return read_text(path)
