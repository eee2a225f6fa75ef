"""A study: one method on one cell with one seed; what a method is, and what its LLM costs."""

import logging
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple, Self

from pydantic import Field, PrivateAttr, field_validator
from pydantic.json_schema import SkipJsonSchema

from haqa_bench import plugins
from haqa_bench.cell import Cell, Name
from haqa_bench.chat import Chat as Chat  # a study's too
from haqa_bench.documents import Document, read_text
from haqa_bench.errors import HaqaError, nearest
from haqa_bench.space import Scalar

log = logging.getLogger(__name__)
RENAMED = {"human": "default"}
"""Optimizers by the names of the version before; they work for one version more."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]
RELAY = "relay"
"""The model of methods whose prompts go to no LLM's endpoint but to the relay."""


class Price(Document):
    """What an LLM's tokens cost, and where that is from; 0 for one that runs on your own
    machine.
    """

    usd_per_million_prompt_tokens: float = Field(ge=0)
    usd_per_million_completion_tokens: float = Field(ge=0)
    source: str = Field(min_length=1)


HAQA, PAPER = "haqa", "paper"
"""The styles of prompts: our own, whose templates lie in prompts/; and the paper's conversation,
whose own lie in prompts/paper/ (docs/agent.md)."""
REWRITE = "rewrite"
"""The folder, in that of a style, of the templates of agents that may rewrite a source."""
REWRITES = "rewrites"
"""The option of an agent that lets it."""
PAPERS = "haqa-paper"
"""The agent whose style is the paper's where its options say none."""
MAX_TEMPLATE = 100_000
"""Bytes of a prompt's template."""
Template = Annotated[str, Field(max_length=MAX_TEMPLATE)]


class Own(NamedTuple):
    """The templates that a method has of its own: what their folder is called, and their texts."""

    folder: str = ""
    texts: Mapping[str, str] = MappingProxyType({})


class Fork(Document):
    """Where a method leaves another's recorded study: that has all rounds before `round`."""

    method: Name
    round: int = Field(ge=1, lt=2**31)


class Method(Document):
    """What proposes. `name` labels its studies, `optimizer` is what the registry knows it by, or
    where its class is: `package.module:Class`, or `file.py:Class` below `folder`.
    """

    name: Name
    optimizer: str
    chat: Chat | None = None
    chats: dict[Name, Chat] = Field(default_factory=dict, exclude_if=lambda others: not others)
    """Further LLMs that a plug-in's agent asks, by the names that it gives them."""
    options: dict[str, Scalar] = Field(default_factory=dict)
    """Settings of the optimizer in place of its own; those that took effect are stored with each
    study.
    """
    seeds: tuple[Seed, ...] | None = Field(None, min_length=1)
    """Its own, where the suite's do not fit: those that were recorded, or one for a method that
    draws no random numbers.
    """
    tracks: tuple[str, ...] | None = Field(None, min_length=1)
    """Those whose cells it runs on; all when left out."""
    cells: tuple[str, ...] | None = Field(None, min_length=1)
    """Those that it runs on, by patterns of their ids in which * and ? match; all when left out."""
    prompts: str | None = Field(None, min_length=1, exclude_if=lambda folder: folder is None)
    """A folder, from the suite's file on: its templates stand in place of the project's."""
    templates: SkipJsonSchema[dict[str, Template]] = Field(
        default_factory=dict, exclude_if=lambda own: not own
    )
    """What that folder holds, by name. Locks say it; suite files do not."""
    _folder: Path | None = PrivateAttr(None)

    @field_validator("optimizer")
    @classmethod
    def _called_as_now(cls, name: str) -> str:
        if name in RENAMED:
            log.warning("the optimizer '%s' is called '%s' now; rename it", name, RENAMED[name])
        return RENAMED.get(name, name)

    fork: Fork | None = Field(None, exclude_if=lambda fork: fork is None)
    """The recorded study that its own begins as."""

    @field_validator("chats")
    @classmethod
    def _know_their_names(cls, chats: dict[str, Chat]) -> dict[str, Chat]:
        return {name: chat.called(name) for name, chat in chats.items()}

    @property
    def sections(self) -> Mapping[str, Chat]:
        """All that it asks, by name: its `chat:`, which has none, and its `chats:`."""
        return {**({"": self.chat} if self.chat else {}), **self.chats}

    @property
    def own(self) -> Own:
        """Its templates."""
        return Own(self.prompts or "", self.templates)

    @property
    def style(self) -> str:
        """The style of an agent's prompts."""
        return str(self.options.get("style", PAPER if self.optimizer == PAPERS else HAQA))

    @property
    def rewrites(self) -> bool:
        """Whether it is an agent that may propose a source, in spaces that have one."""
        return self.chat is not None and self.options.get(REWRITES) is True

    @property
    def folder(self) -> Path | None:
        """Where a file lies that `optimizer` names: no part of what a suite says, since a suite is
        the same wherever it lies.
        """
        return self._folder

    def below(self, folder: Path) -> Self:
        """The same, whose `optimizer` may name a file of a folder."""
        found = self.model_copy()
        found._folder = folder.resolve()
        return found

    @property
    def relayed(self) -> bool:
        """Whether whoever sits at the relay answers it: its seconds are waiting, not an LLM's."""
        return self.chat is not None and self.chat.model == RELAY

    def runs_on(self, cell: Cell) -> bool:
        """Whether the suite gives it the cell."""
        named = self.cells is None or any(fnmatch(cell.id, pattern) for pattern in self.cells)
        return named and (self.tracks is None or self.tracks.count(cell.track) > 0)


def with_templates(method: Method, beside: Path, within: Path, known: Collection[str]) -> Method:
    """A method with the templates of its folder, which is named from `beside`, the suite's folder,
    on, and lies below that or `within` the project. `known` are the names that agents fill.

    Raises:
        HaqaError: the folder is missing or elsewhere, has no template, or one that nobody fills.
    """
    if method.prompts is None:
        return method
    folder, where = beside / method.prompts, f"method '{method.name}': prompts"
    if not folder.is_dir():
        raise HaqaError(where, f"no folder {folder}", "Name one, from the suite's file on")
    own = {path.name: _read(path, (beside, within)) for path in sorted(folder.glob("*.j2"))}
    known = [name.removeprefix(f"{method.style}/") for name in known]
    if not own:
        raise HaqaError(where, f"no template (*.j2) in {folder}", "Copy one from prompts/ there")
    ours = not plugins.is_class(method.optimizer)
    if ours and method.optimizer not in plugins.known("agents"):  # a plug-in's names are its own
        for name in _unfilled(own, known):
            todo = nearest(name, sorted(known))
            raise HaqaError(folder / name, "no agent fills a template of that name", todo)
    return method.model_copy(update={"templates": own})


def _read(path: Path, allowed: Sequence[Path]) -> str:
    if not any(path.resolve().is_relative_to(folder.resolve()) for folder in allowed):
        what = "a method's prompts must lie below the suite's folder or the project's"
        raise HaqaError(path, what, "Copy them there")
    return read_text(path, MAX_TEMPLATE)


def _unfilled(own: Mapping[str, str], known: Collection[str]) -> list[str]:
    """The templates that neither an agent fills nor another of them names."""
    return [
        name
        for name in own
        if name not in known and not any(name in text for n, text in own.items() if n != name)
    ]


class Study(NamedTuple):
    """One method on one cell with one seed."""

    suite: str
    cell: Cell
    method: Method
    seed: int
    price: Price | None = None
    """Of its LLM's tokens, where it has one alone and the suite knows it."""
    prices: Mapping[str, Price] = {}  # not a MappingProxyType: studies are sent to workers
    """Of its LLMs', where it has several, by the names of its `chats:`; as far as they are
    known.
    """
    origin: "Study | None" = None
    """The recorded one that it begins as, where it is a fork."""

    @property
    def line(self) -> "tuple[Study, ...]":
        """It, the one that it is a fork of, the one that this is a fork of, and so on."""
        return (self, *(self.origin.line if self.origin else ()))

    @property
    def begins(self) -> int:
        """The first round that is its own."""
        return self.method.fork.round if self.method.fork else 1

    def asked_by(self, number: int) -> "Study":
        """The study that asks for a trial: itself, or the one that it is a fork of."""
        return self.origin.asked_by(number) if self.origin and number < self.begins else self

    @property
    def id(self) -> str:
        """Its path: suite/cell/method/seed0."""
        return f"{self.suite}/{self.cell.id}/{self.method.name}/seed{self.seed}"

    @property
    def file(self) -> Path:
        """Where its journal and cassette lie, below their folders."""
        return Path(self.suite) / self.cell.id / f"{self.method.name}-s{self.seed}.jsonl"
