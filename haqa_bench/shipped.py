"""What the package brings with it, laid out as a project is: suites/, prompts/, hardware/,
paper_tables/ and all recordings. A project reads there what it does not have itself.

In a wheel that is shipped/ in the package, in a checkout the checkout itself. Nothing is ever
written there for another project.
"""

import os
from pathlib import Path

VARIABLE = "HAQA_BENCH_SHIPPED"
"""The environment variable that names another folder in its place; empty for none at all."""
PACKAGE = Path(__file__).resolve().parent
PACKAGED = PACKAGE / "shipped"
"""Where a wheel has it."""


def folder() -> Path | None:
    """What the package brings; None where it brings nothing."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named).resolve() if named else None
    return next((place for place in (PACKAGED, PACKAGE.parent) if is_project(place)), None)


def is_project(place: Path) -> bool:
    """Whether a folder is a project's: it has prompts/ and hardware/."""
    return (place / "prompts").is_dir() and (place / "hardware").is_dir()


def found(project: Path, name: str) -> Path:
    """Where a project's file is read: in its own folder, or, where only the package has it, there.

    `name` is its path from the project's folder.
    """
    own = project / name
    if own.exists():
        return own
    brought = folder()
    return brought / name if brought and (brought / name).exists() else own


def files(project: Path, pattern: str) -> dict[str, Path]:
    """Files that a project and the package have, by their path from either folder, sorted. What is
    in both is the project's own.
    """
    layers = dict.fromkeys(layer for layer in (folder(), project) if layer is not None)
    every = {
        path.relative_to(layer).as_posix(): path
        for layer in layers
        for path in layer.glob(pattern)
        if path.is_file()
    }
    return dict(sorted(every.items()))
