"""Tables of benchmarks in pages, each between two marks."""

from pathlib import Path

from haqa_bench import disk


def marks(name: str) -> tuple[str, str]:
    """What stands before and after the table of that name."""
    return f"<!-- {name} -->\n", f"<!-- end of {name} -->"


def fill(page: Path, name: str, text: str) -> None:
    """Puts a table between its marks.

    Raises:
        SystemExit: the page has none.
    """
    mark, end_mark = marks(name)
    before, begin, rest = page.read_text("utf-8").partition(mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise SystemExit(f"{page} has no marks: {mark.strip()} and {end_mark}")
    disk.write(page, f"{before}{begin}{text}\n{end}{after}")
