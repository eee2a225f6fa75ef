"""What each method spent: proposals, evaluations, seconds, and, for an LLM, seconds, tokens and
dollars; and with which settings.
"""

import json

from haqa_bench.project import Run
from haqa_bench.report.found.spent import Spent, spent
from haqa_bench.report.tables.table import Column, Form, Key, Table, Value, value, whole, words

MEDIAN = "the median over the studies of the method on the cell"
COLUMNS = (
    Column("Cell", role="key", place="heading"),
    Column("Method", role="key"),
    Column("n", role="n"),
    Column("Proposals", about=MEDIAN),
    Column("Evaluations", about=MEDIAN),
    Column("Evaluation s", "s", 1, MEDIAN),
    Column("LLM s", "s", 0, MEDIAN),
    Column("Tokens in", "tokens", 0, MEDIAN),
    Column("Tokens out", "tokens", 0, MEDIAN),
    Column("Dollars", "USD", 4, MEDIAN),
)


def table(run: Run) -> Table:
    """The ledgers of a run, and below them the settings of each method.

    Raises:
        HaqaError: the database cannot be read.
    """
    found = spent(run)
    settings = sorted({(r.method, _settings(r.settings)) for r in found if r.settings != "{}"})
    return Table(
        title="What was spent, medians over studies",
        columns=COLUMNS,
        rows=[_row(row) for row in found],
        notes=[
            "Proposals count the default, repeats and invalid ones; evaluations only "
            "what was really evaluated, or looked up.",
            "Evaluation s: as measured, or as recorded; of tables without process "
            "times, loading and sampling of what could be measured.",
            *_waiting(run),
            *(f"Settings of {method}: {told}." for method, told in settings),
        ],
        keys=[Key(row.cell, row.method) for row in found],
    )


def _waiting(run: Run) -> list[str]:
    """What the seconds of methods through the relay are."""
    relayed = [method.name for method in run.suite.methods if method.relayed]
    told = f"LLM s of {', '.join(relayed)}: waiting for whoever answered at the relay, which "
    return [f"{told}says nothing of an LLM's speed."] if relayed else []


def _row(row: Spent) -> list[Value]:
    llm = (row.llm_seconds, row.prompt_tokens, row.completion_tokens, row.dollars)
    return [
        words(row.cell),
        words(row.method),
        whole(row.studies),
        whole(row.proposals),
        whole(row.evaluations),
        _amount(row.seconds, COLUMNS[5]),
        *(
            _amount(amount, column) if row.agent else words("")
            for amount, column in zip(llm, COLUMNS[6:], strict=True)
        ),
    ]


def _amount(amount: float | None, column: Column) -> Value:
    if amount is None:
        return words("unknown")
    return value(amount, Form("{number}", column.digits or 0), unit=column.unit)


def _settings(text: str) -> str:
    read = sorted(json.loads(text).items())
    return ", ".join(f"{name} {json.dumps(setting)}" for name, setting in read)
