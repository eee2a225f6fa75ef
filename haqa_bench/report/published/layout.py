"""A published table as a table of ours, in its own layout."""

from collections.abc import Iterator, Mapping, Sequence

from haqa_bench.report.published.document import UNKNOWN, PublishedTable, Row
from haqa_bench.report.published.printed import printed
from haqa_bench.report.tables.table import Column, Table, words


def tables(name: str, table: PublishedTable) -> dict[str, Table]:
    """The table, and that of its standard deviations where the paper has one, by name."""
    if table.deviations is None:
        return {name: _table(table, table.label, table.title, table.rows, std=True)}
    own = table.deviations
    spread = [row for row in table.rows if any(e.std is not None for e in row.values)]
    return {
        name: _table(table, table.label, table.title, table.rows, std=False),
        named(own.label): _table(table, own.label, own.title, spread, std=True),
    }


def named(label: str) -> str:
    """A label, such as Table 6, as tables are named: table6."""
    return label.lower().replace(" ", "")


def every(found: Mapping[str, PublishedTable]) -> dict[str, Table]:
    """All published tables in their order: tables by number, then figures."""
    made = {n: t for name, table in found.items() for n, t in tables(name, table).items()}
    return dict(sorted(made.items(), key=lambda item: (not item[0].startswith("table"), item[0])))


def _table(table: PublishedTable, label: str, title: str, rows: Sequence[Row], std: bool) -> Table:
    varied = [i for i in range(len(table.keys)) if len({row.key[i] for row in rows}) > 1]
    return Table(
        title=f"{label}: {title}{unit_of(table)}",
        columns=[*names(table, varied), *columns(table)],
        rows=[
            [
                *(words(row.key[i]) for i in varied),
                *(
                    printed(table, column, entry, std)
                    for column, entry in zip(table.columns, row.values, strict=True)
                ),
            ]
            for row in rows
        ],
        notes=[*notes(table, rows), *table.notes, *table.doubts, *table.codes],
    )


def names(table: PublishedTable, varied: Sequence[int]) -> Iterator[Column]:
    """The columns that name a row; the last of them stands in each, the others above several."""
    for i in varied:
        yield Column(
            heading(table.keys[i]), role="key", place="row" if i == varied[-1] else "heading"
        )


def heading(key: str) -> str:
    """A key, such as input_size, as it is printed: Input size."""
    return "Bits" if key == "bit_width" else key.capitalize().replace("_", " ")


def columns(table: PublishedTable) -> list[Column]:
    """Its columns; each says its unit where they have not all the same."""
    same = bool(unit_of(table))
    return [
        Column(c.name if same or c.unit in ("", "x") else f"{c.name}, {c.unit}", c.unit, c.digits)
        for c in table.columns
    ]


def unit_of(table: PublishedTable) -> str:
    """The unit of all columns, as a title ends; empty where they have not all the same."""
    units = {column.unit for column in table.columns}
    return f", {units.pop()}" if len(units) == 1 and units != {""} else ""


def notes(table: PublishedTable, rows: Sequence[Row]) -> Iterator[str]:
    """Whose it is, on what, how often; and what its words mean."""
    alike = [
        f"{heading(key)}: {rows[0].key[i]}"
        for i, key in enumerate(table.keys)
        if len({row.key[i] for row in rows}) == 1
    ]
    repeats = f"n = {table.n} repeats" if table.n else "n UNKNOWN"
    yield ". ".join([table.paper, f"Hardware: {table.hardware}", *alike, repeats]) + "."
    told = {e.word for row in rows for e in row.values}
    yield from (f"{word}: {meaning}." for word, meaning in table.words.items() if word in told)
    if UNKNOWN in told:
        yield "UNKNOWN: nobody published it."
