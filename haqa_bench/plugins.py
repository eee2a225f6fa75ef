"""What other packages bring, by entry points: which there are, from which distribution, and what
their source is. They run with the user's rights, and may fail in any way.
"""

import contextlib
import hashlib
import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import Literal, NamedTuple

from haqa_bench.errors import EvaluationFailed, HaqaError, PluginFailed

Group = Literal["optimizers", "agents", "chat_models", "tracks"]
GROUPS: tuple[Group, ...] = ("optimizers", "agents", "chat_models", "tracks")
LONGEST = 300
"""Characters of a fault that are told, since a plug-in may say anything."""


class Plugin(NamedTuple):
    """An entry point. `path` is "module:attribute"."""

    group: Group
    name: str
    path: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"'{self.name}' ({self.path}, {self.distribution} {self.version})"

    @property
    def identity(self) -> dict[str, str]:
        """What must be the same for its numbers to be the same."""
        made = {"distribution": self.distribution, "version": self.version, "path": self.path}
        return made | {"sha256": _source(self.path, self.distribution, tuple(sys.path))}


def known(group: Group) -> Mapping[str, Plugin]:
    """The plug-ins of a group, by name."""
    return _points(tuple(sys.path))[group]


@cache
def _points(_path: tuple[str, ...]) -> Mapping[Group, Mapping[str, Plugin]]:
    """All plug-ins; `_path` is where they are looked for."""
    found: dict[Group, dict[str, Plugin]] = {group: {} for group in GROUPS}
    every = entry_points()
    for group, plugins in found.items():
        for point in every.select(group=f"haqa_bench.{group}"):
            brought = (point.dist.name, point.dist.version) if point.dist else ("unknown", "0")
            plugins[point.name] = Plugin(group, point.name, point.value, *brought)
    return found


def load(where: str, path: str) -> object:
    """The object at "module:attribute".

    Raises:
        PluginFailed: it cannot be imported, for whatever reason.
    """
    module, _, attribute = path.partition(":")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found: object = attrgetter(attribute)(importlib.import_module(module))
    except HaqaError:
        raise
    except (Exception, SystemExit) as fault:
        told = f"cannot be loaded: {_told(fault, path)}"
        raise PluginFailed(where, told, "Install it, or what it needs, again") from fault
    return found


@contextlib.contextmanager
def faults(where: str, who: str, path: str) -> Iterator[None]:
    """Tells whatever a plug-in raises in one line, with its own last frame.

    Raises:
        PluginFailed: in place of any exception but HaqaError and EvaluationFailed.
    """
    try:
        yield
    except (HaqaError, EvaluationFailed):
        raise
    except (Exception, SystemExit) as fault:
        raise PluginFailed(where, f"{who}: {_told(fault, path)}") from fault


def _told(fault: BaseException, path: str) -> str:
    try:
        words = " ".join(str(fault).split())
    except Exception:  # a plug-in's own fault may fail to say what it is
        words = ""
    text = f"{type(fault).__name__}: {words}" if words else type(fault).__name__
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return cut + _last_frame(fault, path)


def _last_frame(fault: BaseException, path: str) -> str:
    """Where in the plug-in's package it happened, as a person finds it; empty if nowhere there."""
    places = _places(path)
    for frame in reversed(traceback.extract_tb(fault.__traceback__)):
        for place in places:
            if Path(frame.filename).is_relative_to(place):
                file = Path(frame.filename).relative_to(place.parent).as_posix()
                return f" ({file}:{frame.lineno}, in {frame.name})"
    return ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Lets what plug-ins, and the libraries and programs that they call, print to stdout go to
    stderr. Of the whole process: not for threads to enter.
    """
    sys.stdout.flush()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        with contextlib.suppress(OSError):  # a process may have no stdout, or no stderr
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
        yield


@cache
def _source(path: str, name: str, _path: tuple[str, ...]) -> str:
    """SHA-256 over names and bytes of all files that its package and its distribution hold."""
    found = hashlib.sha256()
    for file, at in sorted(_files(path, name).items()):
        found.update(f"{file}\0{hashlib.sha256(at.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _files(path: str, name: str) -> dict[str, Path]:
    """Files as an installation names them; of one that is edited in place, those of its package."""
    walked = {
        file.relative_to(place.parent).as_posix(): file
        for place in _places(path)
        for file in ([place] if place.is_file() else place.rglob("*"))
    }
    return {file: at for file, at in (_listed(name) | walked).items() if _counts(file, at)}


def _listed(name: str) -> dict[str, Path]:
    """What pip installed of a distribution."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return {}
    return {file.as_posix(): Path(str(file.locate())) for file in files}


def _counts(file: str, at: Path) -> bool:
    """Whether a file is source or data, and not what Python or pip made of it."""
    parts = Path(file).parts
    made = "__pycache__" in parts or ".." in parts or file.endswith((".pyc", ".pth"))
    about = any(part.endswith(".dist-info") or part.startswith("__editable__") for part in parts)
    return not made and not about and at.is_file()


def _places(path: str) -> list[Path]:
    """The folders, or the one file, of the package that a module belongs to."""
    try:
        spec = find_spec(path.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    alone = [spec.origin] if spec.has_location and spec.origin else []
    return [Path(place) for place in spec.submodule_search_locations or alone]
