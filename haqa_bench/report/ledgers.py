"""What each method spent: proposals, evaluations, seconds, and, for an LLM, seconds, tokens and
dollars; and with which settings.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from haqa_bench.report.table import Table
from haqa_bench.store.database import query

HEADINGS = (
    "Cell",
    "Method",
    "n",
    "Proposals",
    "Evaluations",
    "Evaluation s",
    "LLM s",
    "Tokens in",
    "Tokens out",
    "Dollars",
)


class Row(NamedTuple):
    """Medians over the studies of a cell and method; None where unknown, or where there is no LLM."""

    cell: str
    method: str
    studies: int
    settings: str
    agent: bool
    proposals: float
    evaluations: float
    seconds: float | None
    llm_seconds: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    dollars: float | None


def table(folder: Path) -> Table:
    """The ledgers of the run in `folder`, and below them the settings of each method.

    Raises:
        HaqaError: the run has no database, or it cannot be read.
    """
    found = [
        Row(*row)
        for row in query(folder, files("haqa_bench.report").joinpath("ledgers.sql").read_text())
    ]
    settings = sorted({(r.method, _settings(r.settings)) for r in found if r.settings != "{}"})
    return Table(
        title="What was spent, medians over studies",
        headings=HEADINGS,
        cells=[_cells(row) for row in found],
        notes=[
            "Proposals count the default, repeats and invalid ones; evaluations only what was really evaluated, or looked up.",
            "Evaluation s: as measured, or as recorded; of tables without process times, loading and sampling of what could be measured.",
            *(f"Settings of {method}: {words}." for method, words in settings),
        ],
        keys=[f"{row.cell}/{row.method}" for row in found],
        about=dict.fromkeys(HEADINGS[3:], "the median over the studies of the method on the cell"),
    )


def _cells(row: Row) -> list[str]:
    llm = [row.llm_seconds, row.prompt_tokens, row.completion_tokens]
    words = ["unknown" if x is None else f"{x:.0f}" for x in llm] if row.agent else ["", "", ""]
    dollars = "" if not row.agent else "unknown" if row.dollars is None else f"{row.dollars:.4f}"
    seconds = "unknown" if row.seconds is None else f"{row.seconds:.1f}"
    return [
        row.cell,
        row.method,
        str(row.studies),
        f"{row.proposals:g}",
        f"{row.evaluations:g}",
        seconds,
        *words,
        dollars,
    ]


def _settings(text: str) -> str:
    return ", ".join(
        f"{name} {json.dumps(value)}" for name, value in sorted(json.loads(text).items())
    )
