"""What `haqa-bench table import FILE` is asked, and what it reads of the file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.store.own_tables.brought import Brought
    from haqa_bench.store.own_tables.frame import Frame
    from haqa_bench.store.own_tables.said import Metric


class Asked(NamedTuple):
    """The options, as they were given."""

    parameters: str | None
    metrics: str | None
    status: str | None
    repeats_by: str | None
    name: str | None
    about: str | None
    hardware: str | None
    default: str | None
    limit: tuple[str, ...]
    goal: str | None
    budget: int | None
    methods: str | None
    well: tuple[str, ...]
    delimiter: str | None
    decimal: str
    study: str | None
    stated: tuple[str, ...]
    replace: bool


def brought(file: Path, asked: Asked) -> "Brought":
    """What a file holds, as far as it was asked for.

    Raises:
        HaqaError: the file, or what was said of it, is wrong.
    """
    from haqa_bench.store.own_tables import said
    from haqa_bench.store.own_tables.opened import opened

    default = said.values(asked.default) if asked.default else None
    metrics = said.metrics(asked.metrics) if asked.metrics else []
    frame = opened(file, asked.delimiter, asked.decimal, asked.study)
    if frame is None:
        return _of_tuner(file, asked, metrics, default)
    return _of_columns(frame, asked, metrics, default)


def _of_columns(
    frame: "Frame", asked: Asked, metrics: "Sequence[Metric]", default: Mapping[str, str] | None
) -> "Brought":
    from haqa_bench.store.own_tables.brought import of_columns
    from haqa_bench.store.own_tables.mapped import Said, mapped
    from haqa_bench.store.own_tables.said import Metric, words

    if asked.stated:
        raise HaqaError("--unit", "units of columns stand in --metrics", "Leave --unit out")
    parameters = words(asked.parameters) or list(frame.parameters)
    metrics = metrics or [Metric(name, "1", way) for name, way in frame.metrics.items()]
    for option, found in (("--parameters", parameters), ("--metrics", metrics)):
        if not found:
            raise HaqaError(frame.path, f"say its columns with {option}", nearest("", frame.names))
    said = Said(
        parameters,
        metrics,
        asked.status or frame.status,
        asked.repeats_by or frame.repeats,
        asked.well,
    )
    return of_columns(frame, mapped(frame, said), default)


def _of_tuner(
    file: Path, asked: Asked, metrics: "Sequence[Metric]", default: Mapping[str, str] | None
) -> "Brought":
    from haqa_bench.store.kernel_tuner.as_suite import metric_of, of_tuner
    from haqa_bench.store.kernel_tuner.imported import read

    left_out = {
        "--parameters": asked.parameters,
        "--status": asked.status,
        "--repeats-by": asked.repeats_by,
    }
    for option, value in left_out.items():
        if value:
            raise HaqaError(option, f"{file.name} says itself what it holds", f"Leave {option} out")
    found = read(file)
    every = metrics or [metric_of(file, found)]
    stated = dict(_unit(text, every[0]) for text in asked.stated)
    return of_tuner(file, found, every, stated, default)


def _unit(text: str, metric: "Metric") -> tuple[str, str]:
    name, _, unit = text.rpartition("=")
    return name or metric.name, unit
