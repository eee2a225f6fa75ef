"""A table that somebody published, in a YAML file that anybody can write (docs/published.md).

Every value is a number, with its standard deviation where there is one, a range, or a word of which
the file says what it means; UNKNOWN is one everywhere. Each has a source: a code that the file
explains.
"""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from haqa_bench import shipped
from haqa_bench.documents import Document, read_bytes, read_yaml
from haqa_bench.errors import HaqaError
from haqa_bench.store import manifest

UNKNOWN = "UNKNOWN"
"""What nobody published. As a label it may be any."""
Number = Annotated[float, Field(allow_inf_nan=False)]
FORM = "a value is a number, [number, standard deviation], a word, or {low: ..., high: ...}"


class Entry(Document):
    """One published value, in its column's unit: `number` with its standard deviation `std` where
    there is one, the range from `low` to `high`, or a `word`. `source` where it is not the table's.
    """

    number: Number | None = None
    std: Number | None = Field(None, ge=0)
    low: Number | None = None
    high: Number | None = None
    word: str = ""
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, found: object) -> object:
        """A number, a pair or a word as the file has them."""
        match found:
            case bool():
                raise ValueError(FORM)
            case int() | float():
                return {"number": found}
            case str():
                return {"word": found}
            case [number, std]:
                return {"number": number, "std": std}
            case dict() | Entry():
                return found
        raise ValueError(FORM)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        told = (self.number is not None, self.low is not None, bool(self.word))
        if sum(told) != 1 or (self.low is None) != (self.high is None):
            raise ValueError(FORM)
        return self

    @property
    def known(self) -> bool:
        """Whether it is anything but UNKNOWN."""
        return self.word != UNKNOWN


class Column(Document):
    """What stands below a heading, with so many digits after the point.

    `kind` is what it is: a `part`; the `baseline` that others are held against; the `average` of
    the columns in `of`; or the `ratio` of two, the first over the second. `ours` is what a track of
    ours calls the same, such as a metric or a bit-width.
    """

    name: str
    unit: str = ""
    digits: int = Field(2, ge=0)
    kind: Literal["part", "baseline", "average", "ratio"] = "part"
    of: tuple[str, ...] = ()
    ours: str = ""


class Row(Document):
    """A label for each of the table's keys, and a value for each of its columns. `ours` says what a
    cell of ours has that is the same thing, where the labels do not: names, or sizes of a kernel;
    `also` says it of further cells of ours, in other words.
    """

    key: tuple[str, ...]
    values: tuple[Entry, ...]
    ours: dict[str, str | int] = Field(default_factory=dict)
    also: tuple[dict[str, str | int], ...] = ()

    @property
    def every(self) -> tuple[dict[str, str | int], ...]:
        """What cells of ours have that are the same thing."""
        return (self.ours, *self.also)


class Deviations(Document):
    """The table of its own in which the paper prints the standard deviations."""

    label: str
    title: str


class Claim(Document):
    """What is said elsewhere of a whole, as a ratio; `low` where a range is said."""

    about: str
    low: float | None = Field(None, gt=0)
    high: float = Field(gt=0)


class Bound(Document):
    """Parts of a whole: rows that match `where` take a `share` of its time, all others the rest,
    and the ratios are those of the column `of`. So they bound the whole's ratio, of which there are
    `claims`.
    """

    of: str
    where: dict[str, str]
    share: float = Field(gt=0, lt=1)
    about: str
    claims: tuple[Claim, ...]


class Place(NamedTuple):
    """Where a value stands: a label for each of the row's keys, and its column."""

    key: tuple[str, ...]
    column: str


class PublishedTable(Document):
    """A published table.

    `keys` name what the labels of a row are; `columns_are` what the names of the columns are labels
    of, such as method or task; `compared` the one of all these whose labels the table compares, and
    `methods` which optimizers of ours each of its labels stands for. `n` is how many repeats stand
    behind a value. `device` is our profile of its hardware. `doubts` are what does not agree and no
    check computes.
    """

    label: str
    paper: str
    title: str
    hardware: str = UNKNOWN
    device: str = ""
    sources: dict[str, str]
    source: str
    n: int | None = Field(None, ge=1)
    words: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    deviations: Deviations | None = None
    keys: tuple[str, ...] = Field(min_length=1)
    columns_are: str = ""
    compared: str = ""
    methods: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    columns: tuple[Column, ...] = Field(min_length=1)
    bounds: tuple[Bound, ...] = ()
    rows: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        seen: set[tuple[str, ...]] = set()
        for number, row in enumerate(self.rows):
            for what, given, wanted in (
                ("labels", row.key, self.keys),
                ("values", row.values, self.columns),
            ):
                if len(given) != len(wanted):
                    raise ValueError(
                        f"rows[{number}] has {len(given)} {what}, and {len(wanted)} are needed"
                    )
            if row.key in seen:
                raise ValueError(f"rows[{number}] is given twice: {', '.join(row.key)}")
            seen.add(row.key)
        return self

    @model_validator(mode="after")
    def _words_and_sources_are_told(self) -> Self:
        known = {*self.words, UNKNOWN, ""}
        for number, row in enumerate(self.rows):
            for entry in row.values:
                if entry.word not in known:
                    raise ValueError(f"rows[{number}]: words does not say what {entry.word} means")
                if (entry.source or self.source) not in self.sources:
                    code = entry.source or self.source
                    raise ValueError(f"rows[{number}]: sources does not say what {code} is")
        return self

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        names = self.names
        for column in self.columns:
            fewest = {"average": 2, "ratio": 2}.get(column.kind, 0)
            if missing := [name for name in column.of if name not in names]:
                raise ValueError(f"column {column.name}: there is no column {missing[0]}")
            if len(column.of) < fewest or (column.kind == "ratio" and len(column.of) > 2):
                raise ValueError(f"column {column.name}: {column.kind} of what? Say it in `of`")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two columns are called {twice[0]}")
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        if twice := [name for name in self.axes if self.axes.count(name) > 1]:
            raise ValueError(f"keys and columns_are: {twice[0]} is given twice")
        if self.compared not in {*self.axes, ""}:
            raise ValueError(f"compared: {self.compared} is neither a key nor what columns are")
        if unknown := [name for name in self.methods if name not in self._compared_labels]:
            raise ValueError(f"methods: {unknown[0]} is no label of what is compared")
        for bound in self.bounds:
            if bound.of not in self.names or not bound.where.keys() <= {*self.keys}:
                raise ValueError(f"bounds: there is no column {bound.of}, or no such key")
        return self

    @property
    def axes(self) -> tuple[str, ...]:
        """What the labels of a value are: its row's keys, then what the columns are."""
        return (*self.keys, self.columns_are or "column")

    @property
    def _compared_labels(self) -> list[str]:
        if self.compared in self.keys:
            return [row.key[self.keys.index(self.compared)] for row in self.rows]
        return self.names if self.compared else []

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        return [column.name for column in self.columns]

    def at(self, row: Row, column: str) -> Entry:
        """What stands in a row below a column's name."""
        return row.values[self.names.index(column)]

    @property
    def entries(self) -> dict[Place, Entry]:
        """Every value by its place."""
        return {
            Place(row.key, name): entry
            for row in self.rows
            for name, entry in zip(self.names, row.values, strict=True)
        }

    @property
    def codes(self) -> list[str]:
        """What each source is that its values have, a sentence each."""
        used = dict.fromkeys(e.source or self.source for e in self.entries.values() if e.known)
        return [f"Published, {code}: {self.sources[code]}." for code in used]


def load(path: Path) -> PublishedTable | None:
    """The table in the YAML file at `path`; None where there is no file: nothing is known.

    Raises:
        HaqaError: it is no such table; names file and line.
    """
    return _read(path) if path.is_file() else None


def load_all(folder: Path) -> dict[str, PublishedTable]:
    """Every table of paper_tables/ of a project, and of the package, by the name of its file;
    tables before figures.

    Raises:
        HaqaError: there is none, or one is no such table.
    """
    files = shipped.files(folder.parent, f"{folder.name}/*.yaml").values()
    paths = sorted(files, key=lambda p: (not p.stem.startswith("table"), p.stem))
    if not paths:
        raise HaqaError(folder, "holds no published table", "docs/published.md shows the form")
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> PublishedTable:
    manifest.verify(path, read_bytes(path))
    return read_yaml(path, PublishedTable)
