"""A published value as this project prints it."""

from haqa_bench.report.published.document import Column, Entry, PublishedTable
from haqa_bench.report.tables.table import Form, Value, value, words


def printed(table: PublishedTable, column: Column, entry: Entry, std: bool = True) -> Value:
    """A value with its column's digits, with or without its standard deviation; a word as it is."""
    if entry.word:
        return words(entry.word)._replace(source="published")
    shown = entry.std if std else None
    return value(
        entry.number,
        Form(_form(entry, shown, column.unit == "x"), column.digits),
        unit=column.unit,
        low=entry.low,
        high=entry.high,
        n=table.n,
        source="published",
        std=shown,
    )


def _form(entry: Entry, std: float | None, times: bool) -> str:
    x = "x" if times else ""
    if entry.low is not None:
        return f"{{low}}{x} to {{high}}{x}"
    return f"{{number}}{x}" + ("±{std}" if std is not None else "")
