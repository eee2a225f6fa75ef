"""What is in the files that were measured: bits a weight, tensor types, and what a format costs in
quality.
"""

import json
import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.cell import ANY, Cell
from haqa_bench.project import Project, Run
from haqa_bench.report.found.format_choices import deciding
from haqa_bench.report.found.swept import swept
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


def by_format(run: Run, project: Project) -> ByFormat:
    """By cell and format, in spaces that have formats: of what studies ran with, and, without
    perplexity, of what else the response table holds that was replayed.

    Raises:
        HaqaError: the database or a table cannot be read.
    """
    found = {
        (cell, format_): told
        for cell in deciding(run)
        for format_, told in _in_table(run, project, cell).items()
    }
    for (cell, key), known in weights(run).items():
        format_ = json.loads(key).get("format")
        if format_ is not None:
            found[cell, str(format_)] = known
    return found


def _in_table(run: Run, project: Project, cell: str) -> Mapping[str, Weights]:
    """Of the table that a cell's studies were replayed from, by format."""
    known = swept(run, project, cell)
    found: dict[str, Weights] = {}
    for key, entry in known.table.entries.items() if known else ():
        told, format_ = facts.parse(entry.facts), str(json.loads(key).get("format"))
        if told.bits_per_weight is not None:
            found.setdefault(format_, Weights(told.bits_per_weight, told.tensor_types, None))
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


def median_bits(cell: str, configurations: Sequence[str], files: Files) -> float | None:
    """Bits a weight of the files that some configurations of a cell, in JSON, ran with; None where
    no file is known.
    """
    keys = [(cell, key_of(json.loads(told))) for told in configurations]
    found = [files[key].bits for key in keys if key in files]
    return median(found) if found else None


def label_of(bit_width: str, default: float | None, tuned: float | None) -> str:
    """A bit-width with the bits a weight of the default's file, and those of the tuned one where
    they differ: `INT4 (6.17, tuned 5.35 bits)`; `free` where the format is what is decided.
    """
    name = "free" if bit_width == ANY else bit_width
    if default is None:
        return name
    then, now = f"{default:.2f}", f"{tuned or default:.2f}"
    return f"{name} ({then} bits)" if then == now else f"{name} ({then}, tuned {now} bits)"


def label_of_format(cell: str, format_: str, files: ByFormat) -> str:
    """The bit-width that a format is one of, with the bits a weight of its file in a cell: `INT4
    (4.55 bits)`; without them where no file is known.
    """
    label, file = bit_width_of(format_), files.get((cell, format_))
    return with_bits(label, file.bits) if file and LABEL.fullmatch(label) else label
