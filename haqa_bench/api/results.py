"""Frames of trials as what each study found, which is what comparisons are made of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import TypeAdapter, ValidationError

from haqa_bench.errors import HaqaError
from haqa_bench.report.found.studies import StudyResult

if TYPE_CHECKING:
    import pandas as pd


class Row(NamedTuple):
    """What of a trial's row a comparison reads. The fields are columns of the frame."""

    suite: str
    cell: str
    method: str
    optimizer: str
    seed: int
    answered_by: str
    number: int
    configuration: str | None
    feasible: bool
    value: float | None
    rank: int | None
    unit: str
    direction: str
    optimum: float | None
    source: str | None

    @property
    def score(self) -> float:
        """Larger is better; below all else where the trial does not count."""
        if not self.feasible or self.value is None:
            return float("-inf")
        return -self.value if self.direction == "minimize" else self.value


_ROWS = TypeAdapter(list[Row])


class Of(NamedTuple):
    """What tells studies apart."""

    suite: str
    cell: str
    method: str
    seed: int


def rows(frame: "pd.DataFrame") -> list[Row]:
    """The trials of a frame.

    Raises:
        HaqaError: it lacks a column, or a column holds something else.
    """
    lacking = [name for name in Row._fields if name not in frame.columns]
    if lacking:
        what = f"a frame without the column '{lacking[0]}' is not one of trials"
        raise HaqaError("compare", what, "Give what optimize, trials or to_frame gave")
    plain = frame[list(Row._fields)].astype(object)
    plain = plain.where(plain.notna(), None)
    try:
        return _ROWS.validate_python(list(plain.itertuples(index=False, name=None)))
    except ValidationError as error:
        first = error.errors()[0]
        number, column = (int(step) for step in first["loc"][:2])
        what = f"not a frame of trials: {Row._fields[column]} of row {number}: {first['msg']}"
        raise HaqaError("compare", what, "Give what optimize, trials or to_frame gave") from None


def several(frames: Sequence[Sequence[Row]]) -> bool:
    """Whether the trials are of more than one suite."""
    return len({row.suite for found in frames for row in found}) > 1


def results(frames: Sequence[Sequence[Row]]) -> list[StudyResult]:
    """What each study found, by cell, method and seed; a cell is called with its suite where they
    are of several.

    Raises:
        HaqaError: a study is in two frames.
    """
    studies: dict[Of, list[Row]] = {}
    for found in frames:
        own: dict[Of, list[Row]] = {}
        for row in found:
            own.setdefault(Of(row.suite, row.cell, row.method, row.seed), []).append(row)
        if twice := [of for of in own if of in studies] + _doubled(own):
            what = f"{'/'.join(map(str, twice[0]))} is given twice"
            raise HaqaError("compare", what, "Call one of them otherwise, with name=")
        studies |= own
    many = several(frames)
    named = [_result(trials, called(of.suite, of.cell, many)) for of, trials in studies.items()]
    return sorted(named, key=lambda result: (result.cell, result.method, result.seed))


def called(suite: str, cell: str, several: bool) -> str:
    """What a cell is called where studies are of `several` suites, or of one."""
    return f"{suite}/{cell}" if several else cell


def _doubled(own: Mapping[Of, Sequence[Row]]) -> list[Of]:
    return [of for of, trials in own.items() if len({t.number for t in trials}) < len(trials)]


def _result(trials: Sequence[Row], cell: str) -> StudyResult:
    best = max(trials, key=lambda row: (row.score, -row.number))
    first, found = trials[0], best.score > float("-inf")
    return StudyResult(
        cell=cell,
        method=first.method,
        optimizer=first.optimizer,
        seed=first.seed,
        answered_by=first.answered_by,
        direction=first.direction,
        unit=first.unit,
        best=best.score if found else None,
        best_value=best.value if found else None,
        optimum=first.optimum,
        rank=best.rank if found else None,
        source=_source(trials),
        winner=best.configuration if found else None,
    )


def _source(trials: Sequence[Row]) -> str | None:
    """Where the default's number came from; where it failed, those of the other trials."""
    default = next((row.source for row in trials if row.number == 0), None)
    return default or min((row.source for row in trials if row.source), default=None)
