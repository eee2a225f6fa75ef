"""What the ratios of parts allow for the ratio of the whole.

Parts that take a share s of the time and become r times as fast, beside others that become q times
as fast, make the whole 1 / (s / r + (1 - s) / q) times as fast.
"""

from collections.abc import Iterator, Sequence

from haqa_bench.report.published.checks.finding import Finding, listed
from haqa_bench.report.published.document import Bound, Claim, Column, PublishedTable, Row


def check(table: PublishedTable) -> Iterator[Finding]:
    """A finding for each bound that the table has."""
    for bound in table.bounds:
        column = table.columns[table.names.index(bound.of)]
        parts = {covered: _ratios(table, column, bound, covered) for covered in (True, False)}
        if parts[True] and parts[False]:
            yield _finding(table, column, bound, parts[True], parts[False])


def _ratios(table: PublishedTable, column: Column, bound: Bound, covered: bool) -> list[float]:
    place = table.names.index(column.name)
    rows = [row for row in table.rows if _covers(table, bound, row) == covered]
    return [n for row in rows if (n := row.values[place].number) and n > 0]


def _covers(table: PublishedTable, bound: Bound, row: Row) -> bool:
    labels = dict(zip(table.keys, row.key, strict=True))
    return all(labels[key] == wanted for key, wanted in bound.where.items())


def _finding(
    table: PublishedTable,
    column: Column,
    bound: Bound,
    parts: Sequence[float],
    others: Sequence[float],
) -> Finding:
    low, high = (_whole(bound.share, pick(parts), pick(others)) for pick in (min, max))
    name, digits = ", ".join(bound.where.values()), column.digits
    least, most = (_sum(bound.share, pick(parts), pick(others), digits) for pick in (min, max))
    reached = [_reached(table, column, claim) for claim in bound.claims]
    summary = (
        f"with {name} at {100 * bound.share:.0f} % of the time, the ratios of the parts allow "
        f"{low:.{digits}f} to {high:.{digits}f} for the whole; claimed: "
        f"{listed([_said(claim) for claim in bound.claims])}."
    )
    details = (
        f"{bound.about}.",
        f"at least {least} = {low:.{digits}f}",
        f"at most {most} = {high:.{digits}f}",
        *(_claimed(claim, low, high) for claim in bound.claims),
        *filter(None, reached),
    )
    fits = all(claim.high <= high for claim in bound.claims)
    return Finding(table.label, "bounds", fits, summary, details)


def _whole(share: float, part: float, other: float) -> float:
    return 1 / (share / part + (1 - share) / other)


def _sum(share: float, part: float, other: float, digits: int) -> str:
    return f"1 / ({share:g} / {part:.{digits}f} + {1 - share:.2g} / {other:.{digits}f})"


def _said(claim: Claim) -> str:
    return f"{claim.high:g}" if claim.low is None else f"{claim.low:g} to {claim.high:g}"


def _claimed(claim: Claim, low: float, high: float) -> str:
    where = "above" if claim.high > high else "not above"
    below = "; its lower end is below what the parts allow" if (claim.low or low) < low else ""
    return f"{claim.about} says {_said(claim)}: {where} what the parts allow{below}"


def _reached(table: PublishedTable, column: Column, claim: Claim) -> str:
    """Which rows have a ratio that is the claimed one at its digits."""
    place, digits = table.names.index(column.name), len(f"{claim.high:g}".partition(".")[2])
    rows = [r for r in table.rows if round(r.values[place].number or 0.0, digits) == claim.high]
    if claim.low is not None:
        return ""
    told = "; ".join(", ".join(row.key) for row in rows) or "none"
    return f"rows whose {column.name} is {claim.high:g}, rounded so: {told}"
