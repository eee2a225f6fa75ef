"""A method in a file of its own, which no package holds: `my_method.py:Class`.

The file is imported under a name that follows from what it and its neighbours say, so that an
edited one is another module. It may import what lies beside it; what is installed comes first, so
that a file called random.py hides nothing.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

from haqa_bench.errors import HaqaError
from haqa_bench.plugins.places import every, source

SUFFIX = ".py"
PREFIX = "_haqa_bench_file_"


class Fresh(SourceFileLoader):
    """Reads the source each time: a cached one may be older than an edit of this second."""

    def path_stats(self, path: object) -> dict[str, int]:
        """None, so that nothing is cached."""
        raise OSError(f"{path} is not cached")


class Beside(MetaPathFinder):
    """Finds modules that lie in the folder of a file, after all that is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.finder = FileFinder(str(folder), (Fresh, [SUFFIX]))

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        return None if path else self.finder.find_spec(fullname)


def module(file: Path) -> ModuleType:
    """The module that a file is, imported unless it is the same as before.

    Raises:
        Exception: whatever it raises as it is imported.
    """
    digest = source(files(file))
    name = f"{PREFIX}{digest[:16]}_{file.stem}"
    if name not in sys.modules:
        _forget(file)
        _finds(file.parent)
        sys.modules[name] = _imported(name, file)
    return sys.modules[name]


def files(file: Path) -> dict[str, Path]:
    """A file, and what it imports that lies beside it, by their paths from its folder."""
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        at = waiting.pop()
        name = at.relative_to(file.parent).as_posix()
        if name not in found:
            found[name] = at
            waiting += _neighbours(at, file.parent) if at.suffix == SUFFIX else []
    return found


def _neighbours(file: Path, folder: Path) -> Iterator[Path]:
    """The files of a folder that a file imports, and all of its packages that it does."""
    for name in _imports(file):
        alone = folder / f"{name}{SUFFIX}"
        if alone.is_file():
            yield alone
        elif (folder / name).is_dir():
            yield from (path for path in every(folder / name) if "__pycache__" not in path.parts)


def _imports(file: Path) -> set[str]:
    """The first names of all modules that a file imports, wherever in it."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (SyntaxError, ValueError, OSError, RecursionError):
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {first for name in names if (first := name.partition(".")[0])}


def apart(found: Iterable[Path]) -> None:
    """Raises HaqaError where two files import neighbours of one name, each its own: Python would
    take one for the other.
    """
    known: dict[str, Path] = {}
    for file in found:
        for name in _neighbours_of(file):
            folder = known.setdefault(name, file.parent)
            if folder != file.parent:
                what = f"imports its own '{name}', as a file in {folder} does too"
                raise HaqaError(file, what, "Give one of them another name")


def _neighbours_of(file: Path) -> set[str]:
    """The names of what a file imports from beside it."""
    return {Path(name).parts[0].removesuffix(SUFFIX) for name in files(file)} - {file.stem}


def _forget(file: Path) -> None:
    """Lets neighbours be imported anew: one may have been edited, or be another folder's."""
    names = _neighbours_of(file)
    for name, known in list(sys.modules.items()):
        place = None if name.startswith(PREFIX) else _place(known)
        if place and (place.is_relative_to(file.parent) or name.partition(".")[0] in names):
            del sys.modules[name]


def _place(known: ModuleType) -> Path | None:
    """The file of a module that was found beside another."""
    loader = getattr(getattr(known, "__spec__", None), "loader", None)
    return Path(loader.path) if isinstance(loader, Fresh) else None


def _finds(folder: Path) -> None:
    """Lets modules of a folder be found, after what is installed, and before other folders'."""
    others = [f for f in sys.meta_path if not isinstance(f, Beside)]
    beside = [f for f in sys.meta_path if isinstance(f, Beside) and f.folder != folder]
    sys.meta_path[:] = [*others, Beside(folder), *beside]


def _imported(name: str, file: Path) -> ModuleType:
    loader = Fresh(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    if spec is None:
        raise ImportError(f"{file} is no source of Python")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    try:
        loader.exec_module(made)
    except BaseException:
        del sys.modules[name]
        raise
    return made
