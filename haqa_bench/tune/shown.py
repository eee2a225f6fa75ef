"""The front of a tuning, and its confirmation, as tables."""

from collections.abc import Sequence

from haqa_bench.cell import Cell
from haqa_bench.report.tables.table import Column, Form, Table, Value, value, words
from haqa_bench.space import Configuration
from haqa_bench.tune.recommendation import Recommendation
from haqa_bench.tune.trade import ACCEPTED, ENERGY, Line

COLUMNS = (
    Column("What", role="words"),
    Column("Times", about="how many times as good as the default when found"),
    Column("Allowed by", role="words"),
    Column("KL, nats", "nats", about="divergence from the reference's predictions"),
    Column("KL, 95 %", about="the interval of that divergence over the windows", place="wide"),
    Column("MB", "MB", about="the peak memory of the process"),
    Column("Device MB", "MB", about="the most that the devices had less free"),
    Column("Same token", "%", about="how often the likeliest next token is the reference's"),
    Column("Same, 95 %", about="the interval of that share over the windows", place="wide"),
    Column("Accepted", "%", about="the share of guessed tokens that were right"),
    Column("J/token", "J", about="energy for each generated token"),
    Column("Bits", "bits", about="bits a weight of the file"),
    Column("Perplexity", about="of the text that was read"),
)


def table(lines: Sequence[Line], cell: Cell, told: Recommendation, option: str) -> Table:
    """Each line with its speed, memory, quality, energy and right guesses, as far as they were
    measured, and what would allow it. `option` is the limit on quality that held.
    """
    speed = Column(told.unit, told.unit, about=f"{told.metric} when found, in one sitting")
    columns = [COLUMNS[0], speed, *COLUMNS[1:]]
    rows = [_row(line, cell, told.unit) for line in lines]
    again = ": only the best that is allowed was measured again in pairs" if told.pairs else ""
    notes = [
        f"One sitting each{again}.",
        f"Perplexity and what is lost are of the text that was read. Allowed now: {option}.",
    ]
    if any("kl_divergence" in line.quality for line in lines):
        notes.append(
            "KL: divergence from the reference's predictions; same token: how often the likeliest "
            "next token is the reference's. Their 95 % intervals are in recommendation.json."
        )
    whole = Table("What was found: speed, memory and quality", columns, rows, notes)
    return whole.only([i for i in range(len(columns)) if any(row[i].text for row in rows)])


def _row(line: Line, cell: Cell, unit: str) -> list[Value]:
    quality = line.quality
    return [
        words(name_of(line, cell)),
        _number(line.value, 1 if line.value >= 10 else 3, unit),
        _number(line.gain, 2),
        words(line.option or ("recommended" if line.is_chosen else "it is")),
        _number(quality.get("kl_divergence"), 4, "nats"),
        _ends(quality.get("kl_divergence_95")),
        _number(line.memory_mb, 0, "MB", ","),
        _number(line.device_memory_mb, 0, "MB", ","),
        _share(quality.get("same_first_token")),
        _ends(quality.get("same_first_token_95")),
        _share(quality.get(ACCEPTED)),
        _number(quality.get(ENERGY), 3, "J"),
        _number(quality.get("bits_per_weight"), 2, "bits"),
        _number(quality.get("perplexity"), 2),
    ]


def name_of(line: Line, cell: Cell) -> str:
    """The format, and the settings that are not the default's."""
    if line.is_default:
        return f"default ({line.configuration['format']})"
    return said(line.configuration, cell)


def said(configuration: Configuration, cell: Cell) -> str:
    """A configuration in short: its format, and what differs from the default."""
    default = cell.space.default
    changed = [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in configuration.items()
        if name != "format" and value != default[name]
    ]
    return " ".join([str(configuration["format"]), *changed])


def _number(found: float | None, digits: int, unit: str = "", style: str = "") -> Value:
    if found is None:
        return words("")
    return value(found, Form("{number}", digits, style), unit=unit, source="measured")


def _share(found: float | None) -> Value:
    if found is None:
        return words("")
    return value(100 * found, Form("{number} %", 1), unit="%", source="measured")


def _ends(found: tuple[float, float] | None) -> Value:
    if found is None:
        return words("")
    return value(None, Form("{low} to {high}", 4), low=found[0], high=found[1], source="measured")
