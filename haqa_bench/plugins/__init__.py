"""What others bring, by an entry point of their package, by the name of a class, or as a file:
which there are, from where, and what their source is.
"""

import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path
from typing import Literal, NamedTuple

from haqa_bench.errors import HaqaError
from haqa_bench.plugins import loose
from haqa_bench.plugins.loading import faults as faults
from haqa_bench.plugins.loading import load as load
from haqa_bench.plugins.loading import quiet as quiet
from haqa_bench.plugins.places import installed_source, is_installed, places, source

Group = Literal["optimizers", "agents", "chat_models", "tracks"]
GROUPS: tuple[Group, ...] = ("optimizers", "agents", "chat_models", "tracks")
CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
"""A module or a class as Python names it."""


class Plugin(NamedTuple):
    """What brought something: an entry point, or a class that was named. `path` is
    "module:attribute", or "file.py:attribute" below `folder`.
    """

    group: Group
    name: str
    path: str
    distribution: str = ""
    version: str = ""
    folder: Path | None = None

    def __str__(self) -> str:
        origin = f"{self.distribution} {self.version}" if self.distribution else ""
        known = [] if self.path == self.name else [self.path]
        about = ", ".join([*known, *([origin] if origin else [])])
        return f"'{self.name}' ({about})" if about else f"'{self.name}'"

    @property
    def place(self) -> str:
        """The folder, or the file, of its code; empty where it is not found."""
        found = [self.file] if self.file else places(self.path)
        return str(found[0]) if found else ""

    def to_json(self) -> dict[str, str]:
        """All that is known of it, in words."""
        return {n: v for n, v in self._asdict().items() if n != "folder"} | {"place": self.place}

    @property
    def file(self) -> Path | None:
        """The file that it is, where no package holds it."""
        return self.folder / self.path.partition(":")[0] if self.folder else None

    @property
    def identity(self) -> dict[str, str]:
        """What must be the same for its numbers to be the same; the same on every machine."""
        made = {"distribution": self.distribution, "version": self.version, "path": self.path}
        if self.file:
            return made | {"sha256": source(loose.files(self.file))}
        digest = installed_source(self.path, self.distribution, tuple(sys.path))
        return made | {"sha256": digest}


def known(group: Group) -> Mapping[str, Plugin]:
    """The plug-ins of a group that are installed, by name."""
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


def is_class(name: str) -> bool:
    """Whether a name says where a class is, rather than what an entry point calls it."""
    return ":" in name


def is_file(name: str) -> bool:
    """Whether a name is a class of a file."""
    return name.partition(":")[0].endswith(loose.SUFFIX)


def apart(name: str) -> tuple[str, Path]:
    """A class of a file, as the command line names it, as one of a folder: what is run is the same
    from wherever it is called. Other names as they are.
    """
    file, _, attribute = name.rpartition(":")
    if not is_file(name):
        return name, Path.cwd()
    return f"{Path(file).name}:{attribute}", Path(file).expanduser().parent


def named(group: Group, name: str, folder: Path | None) -> Plugin:
    """What `package.module:Class` names, or `file.py:Class` below a folder. Nothing is imported.

    Raises:
        HaqaError: it is neither, or there is no such file, or package.
    """
    module, _, attribute = name.partition(":")
    if not CLASS.fullmatch(attribute) or not (is_file(name) or CLASS.fullmatch(module)):
        raise HaqaError(
            f"'{name}'", "names no class", "Write package.module:Class or file.py:Class"
        )
    if not is_file(name):
        if not is_installed(module):
            raise HaqaError(f"'{name}'", f"no module '{module}' is installed", _nearby(module))
        return Plugin(group, name, name, *_brought_by(group, name, tuple(sys.path)))
    found = Plugin(group, name, name, folder=folder or Path.cwd())
    if found.file is None or not found.file.is_file():
        raise HaqaError(found.file, "no such file", f"'{name}' is to be a class in it")
    return found


def _nearby(module: str) -> str:
    """What to do about a module that is not installed."""
    file = Path(f"{module.replace('.', '/')}{loose.SUFFIX}")
    if file.is_file():
        return f"The current folder is not searched: for the file in it, write ./{file}:CLASS"
    return "Install the package that holds it"


@cache
def _brought_by(group: Group, path: str, _path: tuple[str, ...]) -> tuple[str, str]:
    """Name and version of the distribution that holds a module; empty for none."""
    for plugin in known(group).values():
        if plugin.path == path:
            return plugin.distribution, plugin.version
    names = packages_distributions().get(path.partition(":")[0].partition(".")[0])
    return (names[0], version(names[0])) if names else ("", "")
