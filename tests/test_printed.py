"""All that is printed of all suites, held against what was printed when it was last accepted: the
same texts by the same names.

A change is on purpose or a fault. Look at what differs, and if it is on purpose accept it:
GOLDEN=accept pytest tests/test_printed.py (it replays every suite; not with -n).
"""

import json
import os

import pytest
from support import REPOSITORY
from whole_suites import FOLLOWS_THE_PROCESSOR, NAMES, on_another_processor

from haqa_bench.project import Project, open_run
from haqa_bench.report.tables import catalogue
from haqa_bench.report.tables.table import id_of

GOLDEN = REPOSITORY / "tests/golden/printed.json"
pytestmark = pytest.mark.usefixtures("developers_runs_stay")


def printed(folder):
    """Every text of every table by its id."""
    with open_run(folder) as run:
        project = Project(REPOSITORY)
        made = {**catalogue.tables(run, project), **catalogue.compared(run, project)}
    return {
        id_of(name, key, heading): text
        for name, table in made.items()
        for key, row in zip(table.keys, table.cells, strict=True)
        for heading, text in zip(table.headings, row, strict=True)
        if text
    }


@pytest.mark.parametrize("suite", NAMES)
def test_everything_is_printed_as_it_was(suite, whole_suites):
    found = printed(whole_suites(suite).folder)

    known = json.loads(GOLDEN.read_text("utf-8"))
    if os.environ.get("GOLDEN") == "accept":
        elsewhere = known[suite].keys() - held(suite, known[suite]).keys()
        known[suite] = held(suite, found) | {one: known[suite][one] for one in elsewhere}
        GOLDEN.write_text(json.dumps(known, indent=0, sort_keys=True) + "\n", "utf-8")
    assert held(suite, found) == held(suite, known[suite])


def held(suite, texts):
    """What is the same here: not of the method that follows the processor, on another one."""
    if not on_another_processor(suite):
        return texts
    return {one: text for one, text in texts.items() if f"/{FOLLOWS_THE_PROCESSOR}/" not in one}
