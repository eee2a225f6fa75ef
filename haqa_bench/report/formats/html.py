"""A table as a section of HTML."""

from html import escape

from haqa_bench.report.tables.table import Section, Table, id_of


def html(table: Table, name: str = "") -> str:
    """The table, its numbers with their ids, its notes."""
    head = "".join(
        f'<th scope="col" title="{escape(column.about)}">{escape(column.name)}</th>'
        for column in table.columns
    )
    bodies = "\n".join(_body(table, name, section) for section in table.parts)
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.remarks)
    return (
        f'<section id="{escape(name)}">\n<h2>{escape(table.title)}</h2>\n<table>\n'
        f"<thead><tr>{head}</tr></thead>\n{bodies}\n</table>\n<ul>{notes}</ul>\n</section>\n"
    )


def _body(table: Table, name: str, section: Section) -> str:
    """The rows of a section, below its heading."""
    span = f'<th scope="rowgroup" colspan="{len(table.columns)}">'
    over = f"<tr>{span}{escape(section.heading)}</th></tr>\n"
    rows = "\n".join(
        f"<tr>{''.join(_cell(table, name, row, j) for j in range(len(table.columns)))}</tr>"
        for row in section.rows
    )
    return f"<tbody>\n{over if section.heading else ''}{rows}\n</tbody>"


def _cell(table: Table, name: str, row: int, column: int) -> str:
    text = escape(table.rows[row][column].text)
    shown = f"<b>{text}</b>" if (row, column) in table.bold else text
    if not table.keys or not text:
        return f"<td>{shown}</td>"
    called = escape(id_of(name, table.keys[row], table.columns[column].name))
    return f'<td id="{called}">{shown}</td>'
