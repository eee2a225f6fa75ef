"""The front of a tuning, as a table."""

from collections.abc import Sequence

from haqa_bench.cell import Cell
from haqa_bench.report.tables.table import Column, Table, Value, words
from haqa_bench.space import Configuration
from haqa_bench.tune.recommendation import Recommendation
from haqa_bench.tune.trade import Line


def table(lines: Sequence[Line], cell: Cell, told: Recommendation, option: str) -> Table:
    """Each line with its speed, memory and quality, and what would allow it. `option` is the limit
    on quality that held.
    """
    held = any("kl_divergence" in line.quality for line in lines)
    quality = ["KL, nats", "Same token"] if held else []
    head = ["What", told.unit, "Times", "MB", "Bits", *quality, "Perplexity", "Allowed by"]
    columns = [Column(name, role="words") for name in head]
    rows = [_row(line, cell, held) for line in lines]
    again = ": only the best that is allowed was measured again in pairs" if told.pairs else ""
    notes = [
        f"One sitting each{again}.",
        f"Perplexity and what is lost are of the text that was read. Allowed now: {option}.",
    ]
    if held:
        notes.append(
            "KL: divergence from the reference's predictions; same token: how often the likeliest "
            "next token is the reference's. Their 95 % intervals are in recommendation.json."
        )
    return Table("What was found: speed, memory and quality", columns, rows, notes)


def _row(line: Line, cell: Cell, held: bool) -> list[Value]:
    quality = line.quality
    told = [
        name_of(line, cell),
        f"{line.value:.1f}" if line.value >= 10 else f"{line.value:.3f}",
        _number(line.gain, 2),
        "" if line.memory_mb is None else f"{line.memory_mb:,.0f}",
        _number(quality.get("bits_per_weight"), 2),
        *([_number(quality.get("kl_divergence"), 4)] if held else []),
        *([_share(quality.get("same_first_token"))] if held else []),
        _number(quality.get("perplexity"), 2),
        line.option or ("recommended" if line.is_chosen else "it is"),
    ]
    return [words(text) for text in told]


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


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else ""


def _share(value: object) -> str:
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else ""
