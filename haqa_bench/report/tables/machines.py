"""Tables of the same cells on several machines: what tuning gives on each, and whether the settings
that win on one win on the others.
"""

from collections.abc import Sequence
from math import isinf

from haqa_bench.cell import Cell
from haqa_bench.report import statistics, traits
from haqa_bench.report.found.machines import Again, OnMachine, Transfer, transfers
from haqa_bench.report.tables import random_weights
from haqa_bench.report.tables.table import FROM_0, Column, Form, Table, Value, share, value, words
from haqa_bench.tracks import metric

KEYS = (
    Column("Model", role="key", place="heading"),
    Column("Bit-width", role="key", place="heading"),
    Column("Part", role="key", place="heading"),
    Column("Metric", role="key", place="heading"),
)
COLUMNS = (
    *KEYS,
    Column("Machine", role="key"),
    Column("Default", about="what people use who tune nothing, by the response table"),
    Column("Best", about="of the whole response table, among what breaks no constraint"),
    Column("Gain", "1", 2, "how many times as good as the default the best of the table is"),
    Column("Confirmed", "1", 2, "the same in pairs with the default, apart from the table"),
    Column("Samples", role="n", about="that the best's value was estimated from"),
    Column("Source", role="source", about="who measured, and when", place="wide"),
)
TRANSFER = (
    *KEYS,
    Column("Winner of", role="key"),
    Column("On", role="key"),
    Column("Gives", about="what the winner of the one machine gives on the other, by its table"),
    Column("Of its best", "%", 1, "how much of what the other machine's own best gives"),
    Column("Times its default", "1", 2, "how many times as good as the other machine's default"),
    Column("Rank", role="n", about="among all configurations of the other machine, 1 is the best"),
    Column("Settings", role="words", about="the winner"),
)
TABLE_NOTE = (
    "Default and best are from each machine's own response table; the best of a noisy table is "
    "better than what it gives again. Confirmed: in pairs with the default, with its 95 % interval."
)
TRANSFER_NOTE = (
    "Winner: the best of a machine's response table. Two values of one table that differ by less "
    "than its noise are not told apart: a rank behind the first may be the first."
)


def tables(found: Sequence[Sequence[OnMachine]]) -> dict[str, Table]:
    """The tables of some cells, each on several machines; names are `machines` and `transfer`."""
    return {"machines": _machines(found), "transfer": _transfer(found)}


def _machines(found: Sequence[Sequence[OnMachine]]) -> Table:
    rows = [[*_keys(one), *_on(one)] for group in found for one in group]
    sources = dict.fromkeys(f"{o.cell.hardware.name}: {o.source}." for g in found for o in g)
    notes = [TABLE_NOTE, *sources]
    made = Table("The same models on several machines", COLUMNS, rows, notes=notes)
    return _marked(made, [one.cell for group in found for one in group])


def _transfer(found: Sequence[Sequence[OnMachine]]) -> Table:
    rows = [[*_keys(t.on), *_transferred(t)] for group in found for t in transfers(group)]
    title = "Whether the settings that win on one machine win on another"
    made = Table(title, TRANSFER, rows, notes=[TRANSFER_NOTE])
    return _marked(made, [t.on.cell for group in found for t in transfers(group)])


def _marked(table: Table, cells: Sequence[Cell]) -> Table:
    """With whose weights are random; `cells` are those of its rows."""
    ids = [cell.id for cell in cells]
    return random_weights.marked(table, dict(zip(ids, cells, strict=True)), ids)


def _keys(one: OnMachine) -> list[Value]:
    cell = one.cell
    goal = f"{cell.objective.metric}, {cell.objective.unit}"
    return [words(text) for text in (cell.model_name, cell.bit_width, traits.part(cell), goal)]


def _on(one: OnMachine) -> list[Value]:
    best = one.order[0]
    return [
        words(one.cell.hardware.name),
        _value(one, one.default),
        _value(one, best),
        _times(one, best),
        _confirmed(one.confirmed(best), best == one.default),
        Value(one.samples(best), text=str(one.samples(best))),
        words(one.source),
    ]


def _value(one: OnMachine, key: str) -> Value:
    goal = one.cell.objective
    digits = metric(one.cell, goal.metric).digits
    found = one.value(key)
    if found is None:
        return words("none")
    form = Form("{number}", digits)
    return value(found, form, unit=goal.unit, n=one.samples(key), source="replayed")


def _times(one: OnMachine, key: str) -> Value:
    found, default = one.value(key), one.value(one.default)
    if found is None or default is None:
        return words("none")
    times = statistics.times_better(found, default, one.cell.objective.direction)
    return words("none") if times is None else value(times, Form("{number}x", 2), unit="1")


def _confirmed(again: Again | None, is_default: bool) -> Value:
    if is_default:
        return words("the default")
    if again is None:
        return words("not measured again")
    if isinf(again.ratio):
        return words(FROM_0)
    if again.interval is None or isinf(again.interval.high):
        return value(again.ratio, Form("{number}x", 2), unit="1", n=again.pairs)
    form = Form("{number}x [{low}, {high}]", 2)
    low, high = again.interval
    return value(again.ratio, form, unit="1", low=low, high=high, n=again.pairs)


def _transferred(found: Transfer) -> list[Value]:
    other, best = found.on, found.on.value(found.on.order[0])
    times = None
    if found.value is not None and best is not None:
        times = statistics.times_better(found.value, best, other.cell.objective.direction)
    return [
        words(found.winner_of.cell.hardware.name),
        words(other.cell.hardware.name),
        _value(other, found.key),
        words("could not be measured there") if times is None else share(times),
        _times(other, found.key),
        words("none") if found.rank is None else _rank(found.rank, len(other.order)),
        words(", ".join(_settings(found))),
    ]


def _rank(rank: int, of: int) -> Value:
    return Value(rank, text=f"{rank} of {of}")


def _settings(found: Transfer) -> list[str]:
    chosen = found.winner_of.counted[found.key].configuration or {}
    return [f"{name} {value}" for name, value in chosen.items()]
