"""A table: typed columns, rows of values that are numbers first and text second, and their
names.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["key", "value", "n", "words", "source", "published"]
"""What stands in a column: what names the row; a number; how many stand behind it; words; where
numbers came from; what the paper says."""
Place = Literal["row", "heading", "wide"]
"""Where a column stands while its table is short: in each row; in the heading of the rows that
share what stands in it; or nowhere, so that only the wide form has it."""
NOTHING = "\N{EN DASH}"
"""Stands where there is nothing of ours beside a published value."""
FROM_0 = "from 0"
"""Stands for a multiple of the default where the default gave 0, and the other did not."""
DIGITS = {"nats": 3, "1/s": 3, "%": 2, "bits": 2}
"""After the point, by unit; one for every other."""


def digits_of(unit: str) -> int:
    """How many digits a number of this unit deserves."""
    return DIGITS.get(unit, 1)


def rounded(number: float | None, digits: int, style: str = "") -> str:
    """A number as it is printed, with so many digits after the point; `style` is + where its sign
    is always told, a comma where thousands are parted, g for so many significant digits instead.
    """
    if number is None:
        return "none"
    return f"{number:.{digits}g}" if style == "g" else f"{number:{style}.{digits}f}"


class Form(NamedTuple):
    """How a value's numbers become text: {number}, {low}, {high} and {std} stand for them in
    `words`.
    """

    words: str
    digits: int
    style: str = ""


class Value(NamedTuple):
    """What stands in a cell. `number` is None where only words are known; `low` and `high` are the
    ends of what it may be, `std` its standard deviation; all four in `unit`, `n` is how many stand
    behind it.
    """

    number: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    source: str = ""
    text: str = ""
    form: Form | None = None
    std: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is any number."""
        return self.number is not None or self.low is not None

    def at_most(self, digits: int) -> Self:
        """The same, printed with at most so many digits after the point."""
        if self.form is None or self.form.style == "g":
            return self
        form = self.form._replace(digits=min(digits, self.form.digits))
        return self._replace(form=form, text=_printed(self, form))


def _printed(value: Value, form: Form) -> str:
    text = form.words
    for name in ("number", "low", "high", "std"):
        if "{" + name + "}" in text:
            told = rounded(getattr(value, name), form.digits, form.style)
            text = text.replace("{" + name + "}", told)
    return text


def words(text: str) -> Value:
    """Text alone."""
    return Value(text=text)


def value(
    number: float | None,
    form: Form,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    n: int | None = None,
    source: str = "",
    std: float | None = None,
) -> Value:
    """A number, or two ends, printed by `form`."""
    bare = Value(number, unit, low, high, n, source, form=form, std=std)
    return bare._replace(text=_printed(bare, form))


def exact(number: float | None, unit: str, *, n: int | None = None, source: str = "") -> Value:
    """A number with as many digits as its unit deserves; `none` where it is unknown."""
    return value(number, Form("{number}", digits_of(unit)), unit=unit, n=n, source=source)


def whole(number: float, unit: str = "") -> Value:
    """A count, or a median of counts."""
    return Value(number, unit, text=f"{number:g}")


def share(part: float, source: str = "") -> Value:
    """A share of one, in percent."""
    return value(100 * part, Form("{number} %", 1), unit="%", source=source)


def count(number: int, many: str, one: str) -> str:
    """A number of things in words."""
    return f"{number} {one if number == 1 else many}"


class Column(NamedTuple):
    """What stands below a heading, and how it is reckoned. `method` is the one whose studies stand
    behind it, in a table that has a column a method; elsewhere a row's key says that.
    """

    name: str
    unit: str = ""
    digits: int | None = None
    about: str = ""
    role: Role = "value"
    method: str = ""
    place: Place = "row"

    @property
    def slug(self) -> str:
        """Its name in ids and options: test-accuracy."""
        return slug_of(self.name)


class Key(NamedTuple):
    """What a row tells of: a cell; of it, where the row is of one, a method; and what else parts it
    from the cell's other rows, such as a limit.
    """

    cell: str
    method: str = ""
    part: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))


class Section(NamedTuple):
    """Rows that follow each other under a heading of their own."""

    heading: str
    rows: Sequence[int]


class Table(NamedTuple):
    """`notes` stand below it, then, where it is wide, `details`, and below them `doubts`, which are
    of what was published; `keys` name its rows, and are empty where nothing explains them.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    notes: Sequence[str] = ()
    keys: Sequence[Key] = ()
    bold: Collection[tuple[int, int]] = ()
    """Rows and columns of the best of each group."""
    doubts: Sequence[str] = ()
    details: Sequence[str] = ()
    sections: Sequence[Section] = ()
    """How its rows are parted; empty for one part without a heading."""
    label: str = ""
    """What LaTeX calls it: its suite and its name."""
    labels: Mapping[str, str] = MappingProxyType({})
    """What readers call methods, models and hardware (haqa_bench.report.labels)."""
    spelled: Mapping[str, str] = MappingProxyType({})
    """What readers see of the bit-width of a cell, by cell: beside a name, what is in the file."""

    @property
    def parts(self) -> Sequence[Section]:
        """Its sections, one where it has none."""
        return self.sections or [Section("", range(len(self.rows)))]

    @property
    def headings(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def cells(self) -> list[list[str]]:
        """Everything as it is printed."""
        return [[found.text for found in row] for row in self.rows]

    @property
    def remarks(self) -> list[str]:
        """All that stands below it."""
        return [*self.notes, *self.details, *self.doubts]

    def only(self, columns: Sequence[int], rows: Sequence[int] | None = None) -> Self:
        """The same with these columns, in this order, and these rows (all where none are named)."""
        kept = range(len(self.rows)) if rows is None else rows
        return self._replace(
            columns=[self.columns[i] for i in columns],
            rows=[[self.rows[row][i] for i in columns] for row in kept],
            keys=[self.keys[row] for row in kept] if self.keys else (),
            bold={
                (kept.index(row), columns.index(column))
                for row, column in self.bold
                if row in kept and column in columns
            },
        )

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers: most of what is filled in it is known as one."""
        if self.columns[column].role in ("words", "source", "published"):
            return False
        filled = [row[column] for row in self.rows if row[column].text not in ("", NOTHING)]
        return 2 * sum(found.known for found in filled) > len(filled)

    def to_frame(self) -> "pd.DataFrame":
        """A data frame: numbers where a column holds numbers, else text; rows by their keys."""
        import pandas as pd

        def held(row: Sequence[Value], place: int) -> float | str | None:
            found = row[place]
            return (
                found.number
                if self.numeric(place) and found.number is not None
                else (None if self.numeric(place) and not found.known else found.text)
            )

        data = [[held(row, place) for place in range(len(self.columns))] for row in self.rows]
        index = [str(key) for key in self.keys] or None
        return pd.DataFrame(data, index=index, columns=self.headings)


def id_of(name: str, key: Key | str, heading: str) -> str:
    """What the number below `heading` in a row is called, in every format:
    table2:SmolLM2-135M/INT4/haqa/test-accuracy.
    """
    return f"{row_id(name, key)}/{slug_of(heading)}"


def slug_of(heading: str) -> str:
    """A heading as ids and options have it: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def row_id(name: str, key: Key | str) -> str:
    """What a row is called, in every format."""
    return f"{name}:{str(key).replace(' ', '_')}"
