"""What is in the files that were measured: bits a weight, tensor types, and what a format costs in
quality.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.space import key_of
from haqa_bench.store import facts


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


def weights(run: Run) -> Mapping[tuple[str, str], Weights]:
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


def by_format(run: Run) -> Mapping[tuple[str, str], Weights]:
    """By cell and format, in spaces that have formats."""
    found = {}
    for (cell, key), known in weights(run).items():
        format_ = json.loads(key).get("format")
        if format_ is not None:
            found[cell, str(format_)] = known
    return found
