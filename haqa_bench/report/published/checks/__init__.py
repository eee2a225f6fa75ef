"""What the arithmetic of a published table says of itself. A check never guesses a cause."""

import json
import textwrap
from collections.abc import Iterator, Sequence

from haqa_bench.report.published.checks import (
    averages,
    bounds,
    deviations,
    differences,
    jumps,
    orders,
    ratios,
)
from haqa_bench.report.published.checks.finding import Finding
from haqa_bench.report.published.document import PublishedTable

FORMAT = 1
"""Of the JSON object; counts up where a reader of the last would stumble."""
WIDTH = 100
"""Characters of a line of text."""
CHECKS = (
    averages.check,
    orders.check,
    deviations.check,
    differences.check,
    jumps.check,
    ratios.check,
    bounds.check,
)


def of(table: PublishedTable) -> Iterator[Finding]:
    """All that the checks find in a table; what does not apply to it finds nothing."""
    for check in CHECKS:
        yield from check(table)


def as_text(findings: Sequence[Finding]) -> str:
    """The findings, table by table: what stands out, then what agrees, each with its arithmetic."""
    lines = []
    for label in dict.fromkeys(finding.table for finding in findings):
        lines.append(label)
        found = [finding for finding in findings if finding.table == label]
        for finding in sorted(found, key=lambda finding: finding.agrees):
            lines += _wrapped(f"{finding.check}: {finding.summary}", "- ")
            lines += [line for detail in finding.details for line in _wrapped(detail, "    ")]
        lines.append("")
    return "\n".join(lines or ["There is nothing to check.", ""])


def _wrapped(text: str, mark: str) -> list[str]:
    rest = " " * (len(mark) + 2)
    return textwrap.wrap(
        text, WIDTH, initial_indent=mark, subsequent_indent=rest, break_on_hyphens=False
    )


def as_json(findings: Sequence[Finding]) -> str:
    """The findings as one JSON object."""
    told = {"format": FORMAT, "findings": [finding._asdict() for finding in findings]}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
