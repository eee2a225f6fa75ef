"""A resolved suite as a file for people, from which `suite.load` makes its cells again."""

import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError
from haqa_bench.suite import Suite

HEAD = "# Written by haqa-bench table accept: cells that were measured elsewhere, and ours.\n"


def to_yaml(suite: Suite) -> str:
    """The text of a suite file: a block for each cell, as the lock has it."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 100
    out = io.StringIO()
    yaml.dump(_file(suite), out)
    return HEAD + "".join(f"{line.rstrip(' ')}\n" for line in out.getvalue().splitlines())


def _file(suite: Suite) -> JsonObject:
    told: JsonObject = json.loads(suite.model_dump_json(exclude_defaults=True))
    return {
        "name": suite.name,
        "title": suite.title,
        "models": {c.model_name: _bare(c.model.model_dump_json()) for c in suite.cells},
        "methods": [_bare(json.dumps(method)) for method in told["methods"]],
        **({"prices": told["prices"]} if suite.prices else {}),
        "seeds": list(suite.seeds),
        **({"labels": dict(suite.labels)} if suite.labels else {}),
        "cells": [_block(cell) for cell in suite.cells],
    }


def _block(cell: Cell) -> JsonObject:
    told: JsonObject = json.loads(cell.model_dump_json())
    kept = ("space", "workload", "measurement", "objective", "budget")
    return {
        "track": cell.track,
        "models": [cell.model_name],
        "bit_widths": [cell.bit_width],
        "hardware": [cell.hardware.name],
        **{name: told[name] for name in kept},
    }


def _bare(text: str) -> JsonObject:
    """A document without what it leaves open."""
    found: JsonObject = json.loads(text)
    return {name: value for name, value in found.items() if value not in (None, "", {}, [])}


def texts(suite: Suite) -> dict[str, str]:
    """What the files say that a suite's workloads name, by their paths from the suite's folder.

    Raises:
        HaqaError: a path leads out of it, or two texts have one path.
    """
    found: dict[str, str] = {}
    for cell in suite.cells:
        for path, text in _texts(cell):
            place = PurePosixPath(path)
            if place.is_absolute() or ".." in place.parts or found.get(path, text) != text:
                what = f"names the text {path}, which cannot be written beside the suite"
                raise HaqaError(cell.id, what, "Name another")
            found[path] = text
    return found


def _texts(cell: Cell) -> Iterator[tuple[str, str]]:
    work: JsonObject = cell.workload.model_dump(mode="json")
    parts = [work, *(part for part in work.values() if isinstance(part, dict))]
    for name, text in cell.texts.items():
        named = [part[name] for part in parts if isinstance(part.get(name), str) and part[name]]
        yield from ((path, text) for path in named)
