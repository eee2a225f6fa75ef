"""What is in the files that were measured: bits a weight, tensor types, and what a format costs in
quality.
"""

import json
import re
from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from haqa_bench.cell import Cell
from haqa_bench.project import Run
from haqa_bench.space import key_of
from haqa_bench.store import facts

LABEL = re.compile(r"INT\d+")
"""What a paper calls a bit-width, whatever is in the file."""


class Weights(NamedTuple):
    """A file of weights: bits a weight over the whole file, tensor types in words, and the
    perplexity with it, None where it was not measured.
    """

    bits: float
    types: str
    perplexity: float | None


class _Row(NamedTuple):
    cell: str
    configuration: str
    facts: str
    perplexity: float | None


Files = Mapping[tuple[str, str], Weights]
"""What is in files, by cell and configuration."""


def weights(run: Run) -> Files:
    """By cell and configuration; empty of cells that measured no file.

    Raises:
        HaqaError: the database cannot be read.
    """
    found: dict[tuple[str, str], Weights] = {}
    for row in run.rows("weights", _Row):
        told = facts.parse(json.loads(row.facts))
        if told.bits_per_weight is not None:
            key = (row.cell, key_of(json.loads(row.configuration)))
            found[key] = Weights(told.bits_per_weight, told.tensor_types, row.perplexity)
    return found


ByFormat = Mapping[tuple[str, str], Weights]
"""What is in files, by cell and format."""


def by_format(run: Run) -> ByFormat:
    """By cell and format, in spaces that have formats."""
    found = {}
    for (cell, key), known in weights(run).items():
        format_ = json.loads(key).get("format")
        if format_ is not None:
            found[cell, str(format_)] = known
    return found


def spelled(cells: Mapping[str, Cell], files: Files) -> Mapping[str, str]:
    """What readers see of a cell's bit-width, by cell: beside INT4 or INT8 how many bits a weight
    the file has that the default ran with, or, where that failed, those that did not. Cells without
    such a file or label are left out.
    """
    found: dict[str, dict[str, float]] = {}
    for (cell, key), known in files.items():
        if cell in cells and LABEL.fullmatch(cells[cell].bit_width):
            found.setdefault(cell, {})[key] = known.bits
    return {
        name: with_bits(cells[name].bit_width, _of_default(cells[name], bits))
        for name, bits in found.items()
    }


def with_bits(label: str, bits: float) -> str:
    """A label, and how many bits a weight stand behind it: `INT4 (4.55 bits)`."""
    return f"{label} ({bits:.2f} bits)"


def _of_default(cell: Cell, bits: Mapping[str, float]) -> float:
    return bits.get(key_of(cell.space.default)) or median(bits.values())
