"""A table as a section of HTML."""

from html import escape

from haqa_bench.report.tables.table import Table, id_of


def html(table: Table, name: str = "") -> str:
    """The table, its numbers with their ids, its notes."""
    head = "".join(
        f'<th scope="col" title="{escape(column.about)}">{escape(column.name)}</th>'
        for column in table.columns
    )
    rows = "\n".join(
        f"<tr>{''.join(_cell(table, name, i, j) for j in range(len(row)))}</tr>"
        for i, row in enumerate(table.rows)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.remarks)
    heading = f"<h2>{escape(table.title)}</h2>"
    return (
        "<section "
        f'id="{escape(name)}">\n{heading}\n<table>\n<tr>{head}</tr>\n{rows}\n</table>\n<ul>{notes}</ul>\n</section>\n'
    )


def _cell(table: Table, name: str, row: int, column: int) -> str:
    text = escape(table.rows[row][column].text)
    shown = f"<b>{text}</b>" if (row, column) in table.bold else text
    if not table.keys or not text:
        return f"<td>{shown}</td>"
    called = escape(id_of(name, table.keys[row], table.columns[column].name))
    return f'<td id="{called}">{shown}</td>'
