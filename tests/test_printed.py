"""All that is printed of all suites, held against what was printed at 724f51c: the same numbers by
the same names, but for what was changed on purpose.
"""

import json
import re

import pytest
from support import REPOSITORY

from haqa_bench.project import Project, open_run
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import id_of

PRINTED = json.loads((REPOSITORY / "tests/golden/printed.json").read_text("utf-8"))
MORE_DIGITS = {"comparison": ("Median", "95 % interval", "IQM")}
"""Columns, by table, that have the digits of their unit since, where they had one digit."""
RENAMED = (("/human/", "/default/"), ("/measured-again", "/confirmed"))
"""Parts of ids by the names of then."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def alike(old, new):
    """Whether two texts have the same words, and the same numbers at the old one's digits."""
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(
        abs(float(a) - float(b)) <= 0.5 * 10 ** -len(a.partition(".")[2]) + 1e-9 for a, b in pairs
    )


def now_called(table, then):
    """An id of then, by the names of now. Points of a front have a column a method."""
    for old, new in RENAMED:
        then = then.replace(old, new)
    return then.removesuffix("/human") + "/default" if then.endswith("/human") else then


def printed(table, name):
    """Every text of a table by its id, and the heading that it stands below."""
    return {
        id_of(name, key, heading): (text, heading)
        for key, row in zip(table.keys, table.cells, strict=True)
        for heading, text in zip(table.headings, row, strict=True)
        if text
    }


@pytest.mark.parametrize("suite", PRINTED)
def test_everything_is_printed_as_it_was(suite, whole_suites):
    with open_run(whole_suites(suite).folder) as run:
        made = {
            **catalogue.tables(run, Project(REPOSITORY)),
            **catalogue.compared(run, Project(REPOSITORY)),
        }
        found = {name: printed(table, name) for name, table in made.items()}

    known = {name: of for name, of in PRINTED[suite].items() if not name.startswith("curves")}
    assert found.keys() == known.keys()
    for name, texts in known.items():
        assert found[name].keys() == {now_called(name, called) for called in texts}
        for called, old in texts.items():
            new, heading = found[name][now_called(name, called)]
            old = "default" if old == "human" else old
            changed = heading in MORE_DIGITS.get(name, ())
            assert alike(old, new) if changed else old == new, called
