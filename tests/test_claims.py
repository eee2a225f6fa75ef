"""README, documentation and suites say nothing that is stronger than the data are: words that need
a test stand where they are allowed, and what the README found is what the recordings hold.
"""

import re

import pytest
from support import REPOSITORY

from haqa_bench.cell import Cell
from haqa_bench.project import Project
from haqa_bench.space import key_of
from haqa_bench.store import facts, tables
from haqa_bench.suite import load
from haqa_bench.tracks.replayed import feasible
from haqa_bench.trial import Trial

pytestmark = pytest.mark.usefixtures("developers_runs_stay")
STRONG = re.compile(
    r"true optimum|exact (optimum|front|regret)|known exactly|equal budgets|implements HAQA"
    r"|best of all methods|outperform|state[- ]of[- ]the[- ]art|beats? (all|every|the other)"
    r"|keeps no state|the order is sure|significantly (better|worse|faster)|remembers the paper"
    r"|(better|faster) than (all|every|any) (other )?method",
    re.IGNORECASE,
)
"""What no table of noisy measurements, and no three studies, can say."""
LOG = "docs/LOG.md"
RESTATEMENTS = "Restatements: "
ALLOWED = {("docs/agent.md", "keeps no state"): "of our program, whose answerer is another matter"}
"""Where such words may stand, and why; in the log, where an entry is restated."""
PAGES = sorted(
    str(path.relative_to(REPOSITORY))
    for pattern in ("*.md", "docs/*.md", "suites/**/*.yaml", "paper_tables/*.yaml")
    for path in REPOSITORY.glob(pattern)
)
README = (REPOSITORY / "README.md").read_text("utf-8")


def strong(page: str) -> list[str]:
    """The strong words of a page, but for those that are allowed there."""
    found = STRONG.finditer(without_restated((REPOSITORY / page).read_text("utf-8"), page))
    return [word[0] for word in found if (page, word[0].lower()) not in ALLOWED]


def without_restated(text: str, page: str) -> str:
    """The log without its entries of restatements, and without lines that point to one."""
    if page != LOG:
        return text
    entries = [e for e in re.split(r"(?m)^## ", text) if RESTATEMENTS not in e.split("\n", 1)[0]]
    lines = "## ".join(entries).splitlines()
    return "\n".join(line for line in lines if "(restated " not in line)


def cell_of(suite: str, ending: str) -> Cell:
    """The cell of a suite whose id ends so."""
    lock = load(REPOSITORY / "suites" / f"{suite}.yaml", REPOSITORY)
    return next(cell for cell in lock.cells if cell.id.endswith(ending))


def best(cell: Cell, format_: object) -> Trial:
    """The best of a format in a cell's response table."""
    table = tables.read(Project(REPOSITORY).table(cell))
    trials = [t for t in feasible(table, cell) if (t.configuration or {})["format"] == format_]
    return max(trials, key=lambda trial: cell.objective.score(trial) or 0.0)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_says_more_than_the_data(page):
    assert strong(page) == []


@pytest.mark.parametrize(
    "said", ["whose true optimum is known", "HAQA outperforms them", "at equal budgets"]
)
def test_words_that_need_a_test_are_found(said):
    assert STRONG.search(said)


def test_what_the_log_restated_points_to_the_entry_that_restates_it():
    log = (REPOSITORY / LOG).read_text("utf-8")

    for day in set(re.findall(r"\(restated (\S+)\)", log)):
        assert f"## {day} {RESTATEMENTS}" in log


@pytest.mark.parametrize(
    "suite", ["llama", pytest.param("kernels", marks=pytest.mark.long), "resnet"]
)
def test_no_method_is_told_apart_from_random_search_in_a_cell(whole_suites, suite):
    assert "- **No method is better than random search in any one cell, or worse**" in README

    said = " ".join(whole_suites(suite).stdout.split())

    notes = re.findall(r"against random search, in cells: ([^.:]*)", said)
    assert notes
    assert not [note for note in notes if re.search("better|worse", note)]


@pytest.mark.parametrize("bits", ["int4", "int8"])
def test_at_each_format_the_default_runtime_settings_are_the_best_of_the_table(bits):
    cell = cell_of("llama", f"{bits}-epyc-zen4-2core")

    for format_ in cell.space.root["format"].choices:
        assert best(cell, format_).configuration == {**cell.space.default, "format": format_}


def test_figure_5_s_gain_is_fewer_bits_as_the_readme_says():
    cell = cell_of("llama", "int4-epyc-zen4-2core")
    default, fewer = best(cell, "Q4_K_M"), best(cell, "Q4_0")
    entries = tables.read(Project(REPOSITORY).table(cell)).entries

    had, has = (facts.parse(entries[key_of(t.configuration)].facts) for t in (default, fewer))
    costs = fewer.value("perplexity") / default.value("perplexity")
    assert (
        f"{has.bits_per_weight:.2f} bits a weight for {had.bits_per_weight:.2f}, "
        f"at {costs:.2f} times the perplexity"
    ) in README
