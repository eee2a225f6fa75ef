"""Kernel Tuner's cache files: each configuration stands under its values, joined by commas.

`time`, and its samples in `times`, are in milliseconds, as are the stages of an evaluation. The
units of all else are known to whoever wrote the observers; a cache that we wrote has `units`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ConfigDict, Field, JsonValue

from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError, Status
from haqa_bench.space import Scalar, SearchSpace
from haqa_bench.store.kernel_tuner.entries import (
    WORDS,
    Entry,
    Failure,
    ForeignFile,
    Quantity,
    Runtimes,
    finite,
)
from haqa_bench.store.kernel_tuner.opened import Foreign, checked

TIME, TIMES, TIME_UNIT = "time", "times", "ms"
STAGES = ("compile_time", "verification_time", "benchmark_time")
"""What an evaluation takes; `strategy_time` and `framework_time` are the tuner's own."""
OWN = (*STAGES, "strategy_time", "framework_time", TIMES, "__error__", "timestamp")
FORM = "a Kernel Tuner cache"


class CacheEntry(Foreign):
    """One configuration: its values, every metric, and what is known by name."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)
    error: str | None = Field(None, alias="__error__")
    times: list[float | None] | None = None


class CacheFile(Foreign):
    """A cache."""

    tune_params_keys: list[str] | None = None
    tune_params: dict[str, list[Scalar]] = Field(default_factory=dict)
    objective: JsonValue = None
    units: dict[str, str] = Field(default_factory=dict)
    cache: dict[str, CacheEntry | None]


class _Key(NamedTuple):
    """How keys name configurations: the names of parameters in order, and the choices of each."""

    order: Sequence[str]
    choices: Mapping[str, Sequence[Scalar]]

    def names(self, key: str) -> Mapping[str, Scalar]:
        """The configuration of a key, as far as its values are choices."""
        return {
            name: choice
            for name, value in zip(self.order, key.split(","), strict=False)
            for choice in self.choices.get(name, ())
            if str(choice) == value
        }


def read(path: Path, found: JsonObject, sha256: str, space: SearchSpace | None) -> ForeignFile:
    """The configurations of a cache, of a `space` where one is given.

    Raises:
        HaqaError: a field is of another kind; names the entry and the field.
    """
    cache = checked(path, CacheFile, found)
    names = list(space.root) if space else cache.tune_params_keys or list(cache.tune_params)
    choices: Mapping[str, Sequence[Scalar]] = (
        {name: p.choices for name, p in space.listable.items()} if space else cache.tune_params
    )
    keys = _Key(cache.tune_params_keys or names, choices)
    entries = [_entry(path, cache, key, e, names, keys) for key, e in cache.cache.items()]
    objective = cache.objective if isinstance(cache.objective, str) else None
    return ForeignFile(FORM, sha256, cache.tune_params, objective, entries)


def _entry(
    path: Path, cache: CacheFile, key: str, entry: CacheEntry | None, names: list[str], keys: _Key
) -> Entry:
    where, unit = f"cache[{key!r}]", cache.units.get(TIMES, TIME_UNIT)
    if entry is None:
        failure = Failure(Status.CRASHED, "the file has null in place of the entry")
        return Entry(where, keys.names(key), failure, {}, Runtimes((), unit, False), None)
    said = entry.__pydantic_extra__
    of_key = {} if said.keys() >= set(names) else keys.names(key)
    given = {n: _scalar(path, where, n, said[n]) for n in names if n in said}
    others = {*names, *keys.order, *cache.tune_params, *OWN}
    values = {n: Quantity(v, _unit(cache, n)) for n, v in said.items() if n not in others}
    samples = Runtimes(entry.times or (), unit, TIMES in cache.units)
    return Entry(where, {**of_key, **given}, _failure(entry), values, samples, _seconds(said))


def _unit(cache: CacheFile, name: str) -> str | None:
    return cache.units.get(name, TIME_UNIT if name == TIME else None)


def _scalar(path: Path, where: str, name: str, value: JsonValue) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise HaqaError(path, f"{where}.{name}: {value!r} is no value of a parameter")


def _failure(entry: CacheEntry) -> Failure | None:
    word = entry.error
    if word is None:
        said = entry.__pydantic_extra__.values()
        word = next((v for v in said if isinstance(v, str) and v in WORDS), None)
    if word is None:
        return None
    return Failure(WORDS.get(word, Status.CRASHED), f"the file says {word or 'nothing'}")


def _seconds(said: Mapping[str, JsonValue]) -> float | None:
    """What compiling, checking and timing took; None where the file has nothing of it."""
    stages = [said.get(name) for name in STAGES]
    taken = sum(t for t in stages if isinstance(t, int | float) and finite(t) and t > 0)
    return taken / 1000 or None
