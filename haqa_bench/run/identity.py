"""What made a run's numbers, beside its inputs: if any of it changes, what was made before is
neither printed nor gone on with.

That is this program's version and the source of all that proposes and replays, each plug-in, and
the settings that took effect. Reports are no part of it: a live run goes on when they are edited.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import haqa_bench
from haqa_bench import plugins, registry, tracks
from haqa_bench.documents import JsonObject
from haqa_bench.errors import PluginFailed
from haqa_bench.plugins import Plugin
from haqa_bench.protocols import ChatReply, ChatRequest, Position
from haqa_bench.run import proposing
from haqa_bench.space import Scalar
from haqa_bench.study import Study

COMPUTES = (
    "arithmetic/*.py",
    "budget.py",
    "curves.py",
    "limits.py",
    "listed.py",
    "llm/reply.py",
    "optimizers/**/*.py",
    "parameters/*.py",
    "run/forking.py",
    "run/measuring.py",
    "run/pricing.py",
    "run/proposing.py",
    "run/study.py",
    "run/surrogate.py",
    "run/taking.py",
    "space.py",
    "store/entries.py",
    "store/groups.py",
    "store/keys.py",
    "store/tables.py",
    "store/trials.py",
    "tracks/**/*.py",
    "trial.py",
)
"""The files of this package that decide what is proposed, and what of it is replayed."""


class Identity(NamedTuple):
    """What made the numbers of a study."""

    haqa_bench: str
    source: str
    """SHA-256 of the files that COMPUTES names."""
    plugins: Mapping[str, Mapping[str, str]]
    """Distribution, version, path and source of each plug-in, by group and name."""

    def to_json(self) -> JsonObject:
        """As a header holds it."""
        return {**self._asdict(), "plugins": {n: dict(p) for n, p in self.plugins.items()}}


@cache
def source() -> str:
    """SHA-256 over names and bytes of the files of this package that make numbers."""
    folder, found = Path(haqa_bench.__file__).parent, hashlib.sha256()
    for path in sorted(path for pattern in COMPUTES for path in folder.glob(pattern)):
        name = path.relative_to(folder).as_posix()
        found.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def of(studies: Iterable[Study], chat_model: str) -> Identity:
    """What makes the numbers of some studies; `chat_model` is the name of the live one, empty
    where nobody is asked.
    """
    found = {_key(p): p.identity for p in _plugins(studies, chat_model)}
    return Identity(haqa_bench.__version__, source(), dict(sorted(found.items())))


def _key(plugin: Plugin) -> str:
    """Two files of one name, in two folders, are two plug-ins."""
    digest = f":{plugin.identity['sha256'][:12]}" if plugin.folder else ""
    return f"{plugin.group}:{plugin.name}{digest}"


def _plugins(studies: Iterable[Study], chat_model: str) -> set[Plugin]:
    ours = chat_model in registry.CHAT_MODELS
    found = {None if ours else plugins.known("chat_models").get(chat_model)}
    for study in (one for given in studies for one in given.line):
        found |= {registry.plugin(study.method), tracks.plugin(study.cell)}
    return {plugin for plugin in found if plugin is not None}


def settings(studies: Iterable[Study], templates: Path) -> Mapping[str, Mapping[str, Scalar]]:
    """The settings of plug-ins that take effect, by cell and method; none of an optimizer that
    fails. Those of ours follow from the source and the lock.

    Raises:
        HaqaError: options of a method are wrong.
    """
    found: dict[str, Mapping[str, Scalar]] = {}
    brought = [s for s in studies if registry.plugin(s.method)]
    with plugins.quiet():
        for study in {(s.cell.id, s.method.name): s for s in brought}.values():
            try:
                known = proposing.made(study, Unasked() if study.method.chat else None, templates)
            except PluginFailed:
                continue
            found[f"{study.cell.id}/{study.method.name}"] = known.settings
    return dict(sorted(found.items()))


class Unasked:
    """A ChatModel for an optimizer that is made only to say what it is."""

    def chat(self, request: ChatRequest, position: Position) -> ChatReply:
        """See ChatModel."""
        raise PluginFailed("chat model", "it was asked before its study began")
