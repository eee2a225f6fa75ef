"""One verdict: the same word of the same comparison, wherever it is said."""

import json
import re
from html import unescape

import pytest
from support import REPOSITORY
from whole_suites import NAMES

from haqa_bench.project import Project, open_run
from haqa_bench.report import diff
from haqa_bench.report.found.studies import results
from haqa_bench.report.labels import label
from haqa_bench.report.page import page
from haqa_bench.report.tables import catalogue
from haqa_bench.report.verdict import Pairing, counted, judged

WORDS = ("better", "worse", "tie", "undecided")
pytestmark = pytest.mark.usefixtures("developers_runs_stay")


def judge(ours, theirs, floor=0.0):
    return judged({"x": Pairing(ours, theirs, floor)})["x"]


def test_a_word_needs_six_pairs_and_a_test():
    six, lower = [float(n) for n in range(7, 15)], [float(n) for n in range(1, 9)]

    assert str(judge([3.0] * 3, [2.0] * 3)) == "ahead in 3 of 3, undecided (n = 3)"
    assert judge(six, lower).word == "better"
    assert judge(lower, six).word == "worse"
    assert judge(six, lower, floor=2.0).word == "tie"
    assert judge([5.0, 6.0] * 4, [6.0, 5.0] * 4).word == "tie"
    assert judge([5.0, 7.0] * 4, [6.0] * 8).word == "tie"


def test_what_has_no_pair_has_no_verdict():
    assert judged({"x": Pairing([], [])}) == {}


@pytest.mark.parametrize("name", NAMES)
def test_notes_compare_and_diff_say_the_same_word(whole_suites, name):
    with open_run(whole_suites(name).folder) as run:
        project = Project(REPOSITORY)
        verdicts = catalogue.against_random(run)
        tables = catalogue.tables(run, project)
        compared = catalogue.compared(run, project).get("comparison")
        same = diff.table(run, run, diff.changes(run, run))

    if compared:
        place = compared.headings.index("Against random")
        said = {
            (key.cell, key.method): row[place]
            for key, row in zip(compared.keys, compared.cells, strict=True)
        }
        assert {key: text for key, text in said.items() if text} == {
            key: str(verdict) for key, verdict in verdicts.items()
        }
    for table in tables.values():
        notes_agree(table, verdicts)
    assert {row[same.headings.index("Verdict")] for row in same.cells} == {"same"}


@pytest.mark.parametrize("name", ["llama", "kernels", "joint-constrained"])
def test_the_page_says_the_same_word(whole_suites, name):
    with open_run(whole_suites(name).folder) as run:
        agents = {r.method for r in results(run) if r.answered_by}
        verdicts = catalogue.against_random(run)
        text = unescape(page.html([page.Source(run, Project(REPOSITORY), {})]))

    summary = text[text.index('<section id="summary"') : text.index('<section id="tables"')]
    said = {f"{label(run.suite.labels, m)}: {v}" for (_, m), v in verdicts.items() if m in agents}
    assert said
    assert all(word in summary for word in said)


def notes_agree(table, verdicts):
    """Each word that a table's notes say of an agent is that of `compare`, cell by cell."""
    for note in (*table.notes, *table.details):
        found = re.match(r"(\S+) against random search(, in cells)?: (.*)", note)
        if not found:
            assert not re.search(r"\b(better|worse) than\b", note), note
            continue
        cells = {key.cell for key in table.keys}
        of = {cell: v for (cell, m), v in verdicts.items() if m == found[1] and cell in cells}
        if found[2]:
            assert found[3].startswith(counted(of.values()))
        else:
            assert all(f"{cell} {verdict}" in found[3] for cell, verdict in of.items())


@pytest.mark.parametrize("name", NAMES)
def test_the_printed_tables_have_no_other_word(whole_suites, name):
    """Of random search, in what the main job prints."""
    shown = " ".join(whole_suites(name).stdout.split())

    for said in re.findall(r"against random search, in cells: ([^.]*)\.", shown):
        assert set(re.findall(r"[a-z]+(?= on \d)", said)) <= set(WORDS), json.dumps(said)
