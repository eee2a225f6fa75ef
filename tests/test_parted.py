"""A table that has no room is shown in parts: as few as will do, and equal ones where they fit."""

from haqa_bench.report.tables.parted import parted
from haqa_bench.report.tables.table import Column, Table, words


def table(*widths):
    """A row named "row", and columns of such widths."""
    columns = [Column("R", role="key"), *(Column(f"c{i}") for i in range(len(widths)))]
    return Table("T", columns, [[words("row"), *(words("x" * width) for width in widths)]])


def names(parts):
    return [[column.name for column in part.columns] for part in parts]


def test_what_fits_is_one_table():
    assert names(parted(table(5, 5, 5), 30)) == [["R", "c0", "c1", "c2"]]


def test_parts_are_equal_and_each_names_its_rows():
    parts = parted(table(5, 5, 5, 5), 25)

    assert names(parts) == [["R", "c0", "c1"], ["R", "c2", "c3"]]
    assert [part.title for part in parts] == ["T (1 of 2)", "T (2 of 2)"]


def test_a_column_that_is_too_wide_for_any_part_leaves_the_others_together():
    assert names(parted(table(5, 5, 90, 5), 25)) == [["R", "c0", "c1"], ["R", "c2"], ["R", "c3"]]


def test_a_table_of_names_alone_is_one():
    assert names(parted(table(), 3)) == [["R"]]
