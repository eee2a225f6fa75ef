"""A study: one method on one cell with one seed; what a method is, and what its LLM costs."""

import logging
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import Field, PrivateAttr, field_validator

from haqa_bench.cell import Cell, Name
from haqa_bench.chat import Chat as Chat  # a study's too
from haqa_bench.documents import Document
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


class Method(Document):
    """What proposes. `name` labels its studies, `optimizer` is what the registry knows it by, or
    where its class is: `package.module:Class`, or `file.py:Class` below `folder`.
    """

    name: Name
    optimizer: str
    chat: Chat | None = None
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
    _folder: Path | None = PrivateAttr(None)

    @field_validator("optimizer")
    @classmethod
    def _called_as_now(cls, name: str) -> str:
        if name in RENAMED:
            log.warning("the optimizer '%s' is called '%s' now; rename it", name, RENAMED[name])
        return RENAMED.get(name, name)

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


class Study(NamedTuple):
    """One method on one cell with one seed."""

    suite: str
    cell: Cell
    method: Method
    seed: int
    price: Price | None = None
    """Of its LLM's tokens, where it has one and the suite knows it."""

    @property
    def id(self) -> str:
        """Its path: suite/cell/method/seed0."""
        return f"{self.suite}/{self.cell.id}/{self.method.name}/seed{self.seed}"

    @property
    def file(self) -> Path:
        """Where its journal and cassette lie, below their folders."""
        return Path(self.suite) / self.cell.id / f"{self.method.name}-s{self.seed}.jsonl"
