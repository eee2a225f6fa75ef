"""What plans of memory are made of, part by part, as the table of a cell has them."""

from collections.abc import Mapping, Sequence

from haqa_bench.cell import Cell
from haqa_bench.project import Project
from haqa_bench.space import key_of
from haqa_bench.store import tables
from haqa_bench.store.entries import Entry
from haqa_bench.store.facts import MEASURED_PEAK, ON_HOST
from haqa_bench.trial import Measurement


def key_at(bits: str, n_ctx: int | None = None) -> str:
    """What a plan is recorded under: of a bit-width, at another length of the context or not."""
    return key_of({"bit_width": bits, **({"n_ctx": n_ctx} if n_ctx else {})})


def parts_of(entry: Entry) -> Sequence[Measurement]:
    """Bytes by part, of where the limit is: of a device, without what stays on the host beside."""
    return [
        m
        for m in entry.measurements
        if m.unit == "B" and not m.name.startswith(ON_HOST) and m.name != MEASURED_PEAK
    ]


def entries(cell: Cell, project: Project) -> Mapping[str, Entry]:
    """Each bit-width's; none of a cell without a table.

    Raises:
        HaqaError: the table is damaged.
    """
    path = project.table(cell)
    if not path.is_file():
        return {}
    known = tables.read(path).entries
    names = [str(one["bit_width"]) for one in cell.workload.model_dump().get("formats", ())]
    return {bits: known[key_at(bits)] for bits in names if key_at(bits) in known}


def sum_of(entry: Entry) -> str:
    """The sum of its parts in words, in MB."""
    parts = parts_of(entry)
    told = " + ".join(f"{m.name} {m.value / 1e6:,.0f}" for m in parts if m.value)
    return f"{told} = {sum(m.value for m in parts) / 1e6:,.0f} MB"


def bits_of(cell: Cell, entry: Entry) -> float | None:
    """Bits a weight of the whole file; None where the model's size is not told.

    Beside a device the host keeps the embedding; where that is the output layer too, the device has
    it once more.
    """
    found = {m.name: m.value for m in entry.measurements}
    beside = 0.0 if cell.model.dimensions.get("tied") else found.get(f"{ON_HOST}weights", 0.0)
    whole = found.get("weights", 0.0) + beside
    return 8 * whole / cell.model.parameters if cell.model.parameters else None
