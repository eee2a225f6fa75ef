"""Compares methods, as `haqa-bench compare` does, by the same code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from haqa_bench.api import columns
from haqa_bench.api.cell import Cell
from haqa_bench.api.results import Row, called, results, rows, several
from haqa_bench.api.runs import Run, open_run
from haqa_bench.api.studied import Studied
from haqa_bench.api.suites import load_suite
from haqa_bench.errors import HaqaError
from haqa_bench.project import open_run as opened
from haqa_bench.report import statistics
from haqa_bench.report.compared import Compared, Known, compared
from haqa_bench.report.found import pairs, swept
from haqa_bench.report.found.exact import exact_in
from haqa_bench.report.found.studies import StudyResult
from haqa_bench.report.found.uncertainty import resampled
from haqa_bench.report.tables.comparison import notes
from haqa_bench.run import confirm
from haqa_bench.space import key_of
from haqa_bench.store.confirmed import Pair

if TYPE_CHECKING:
    import pandas as pd

CELLS = "Give the cell itself, with cells="


def compare(
    *found: "str | Path | Run | Studied | pd.DataFrame",
    against: str = "random",
    cells: Iterable[Cell] = (),
    project: str | Path | None = None,
) -> "pd.DataFrame":
    """The methods on each cell beside the method `against`, one row a cell and method.

    `found` are runs (or their names), studies, and frames of trials, as `optimize`, `Run.trials`
    and `Studied.to_frame` give them, in any mixture. The cells of frames are looked up in the suite
    of that name in the project, unless they are among `cells`: their response tables and noise
    floors are needed.

    Columns: `cell`, `method`, `against`, `n` (studies), `median` (of the best feasible value that
    each study found), `low` and `high` (95 % bootstrap interval of the median; none below six
    studies), `unit`; `verdict` (better, worse, tie or undecided, as tables say it; none for
    `against` itself), `ahead` (of `pairs` pairs of one seed), `p` (Wilcoxon signed-rank,
    Holm-corrected over all rows; none below six pairs), `iqm`, `p_better` (the chance that a study
    is ahead of one of `against`); `regret` (median, as a share of the table's best), `regret_low`
    and `regret_high` (what noise makes of it), `rank` (median), `found_best` (studies that found
    the table's best) and `source`. `attrs["notes"]` are the sentences that tables print below.

    Raises:
        HaqaError: no study is of the method `against`; a study is given twice; a cell of a frame is
        not known here; or a frame is not one of trials.
    """
    given = [open_run(one, project) if isinstance(one, str | Path) else one for one in found]
    trials = [rows(_frame_of(one)) for one in given]
    if not any(trials):
        raise HaqaError("compare", "nothing to compare", "Give runs, or frames of trials")
    known = _cells(given, trials, cells, project)
    studies = results(trials)
    tables = {name: _known(cell, name, studies) for name, cell in known.items()}
    made = compared(studies, against, _floors(given, known), tables)
    frame = _frame(made, against)
    frame.attrs["notes"] = notes(studies, made, against, tables)
    return frame


def _frame_of(one: "Run | Studied | pd.DataFrame") -> "pd.DataFrame":
    if isinstance(one, Run):
        return one.trials()
    if isinstance(one, Studied):
        return one.to_frame()
    if not hasattr(one, "columns"):
        what = f"a {type(one).__name__} is no run, study or frame of trials"
        raise HaqaError("compare", what, "Give what optimize, run_study or open_run gave")
    return one


def _cells(
    given: "Sequence[Run | Studied | pd.DataFrame]",
    trials: Sequence[Sequence[Row]],
    cells: Iterable[Cell],
    project: str | Path | None,
) -> dict[str, Cell]:
    """The cells of all trials, by what they are called."""
    pinned = {(cell.suite.name, cell.id): cell for cell in (*_brought(given), *cells)}
    wanted = dict.fromkeys((row.suite, row.cell) for of_one in trials for row in of_one)
    return {
        called(suite, cell, several(trials)): pinned.get((suite, cell))
        or _looked_up(suite, cell, project)
        for suite, cell in wanted
    }


def _brought(given: "Sequence[Run | Studied | pd.DataFrame]") -> Iterator[Cell]:
    """The cells that runs and studies bring with them."""
    for one in given:
        if isinstance(one, Run):
            yield from one.cells
        elif isinstance(one, Studied):
            yield one.cell


def _looked_up(suite: str, cell: str, project: str | Path | None) -> Cell:
    try:
        known = {one.id: one for one in load_suite(suite, project).cells}
    except HaqaError as error:
        raise HaqaError("compare", f"the suite of {suite}/{cell}: {error}", CELLS) from None
    if cell not in known:
        raise HaqaError("compare", f"the suite '{suite}' has no cell {cell}", CELLS)
    return known[cell]


def _known(cell: Cell, called: str, studies: Sequence[StudyResult]) -> Known:
    """What a cell's response table says, where its studies replayed it."""
    replayed = {r.optimum for r in studies if r.cell == called} - {None}
    found = swept.read(cell.resolved, cell.project.table(cell.resolved), replayed)
    return Known() if found is None else Known(exact_in(found), resampled(found))


def _floors(
    given: "Sequence[Run | Studied | pd.DataFrame]", known: Mapping[str, Cell]
) -> dict[str, float]:
    """The noise floor of each cell that has one: as its run has it, or else the project."""
    recorded = [pair for name, cell in known.items() for pair in _pairs(name, cell)]
    floors = dict(pairs.judged(recorded).floors)
    for run in (one for one in given if isinstance(one, Run)):
        with opened(run.folder) as database:
            of_run = pairs.pairs(database).floors
        names = {cell.id: name for name, cell in known.items() if cell.suite is run.suite}
        floors = {name: floor for name, floor in floors.items() if name not in names.values()}
        floors |= {names[cell]: floor for cell, floor in of_run.items() if cell in names}
    return floors


def _pairs(name: str, cell: Cell) -> Iterator[pairs.Pair]:
    """The pairs of a cell's winners that the project has recorded."""
    lines = confirm.read(cell.project.confirmed(cell.resolved), cell.resolved)
    found = [line for line in lines if isinstance(line, Pair) and not line.failed]
    default = key_of(cell.space.default)
    for line in sorted(found, key=lambda line: (line.configuration, line.pair)):
        better, other = line.tuned or 0.0, line.default or 0.0
        if cell.objective.direction == "minimize":
            better, other = other, better
        of_default = line.configuration == default
        ratio = statistics.of_pair(better, other)
        yield pairs.Pair(name, line.configuration, of_default, "", ratio, 0.0, line.others)


def _frame(made: Sequence[Compared], against: str) -> "pd.DataFrame":
    import pandas as pd

    said = [row.verdict for row in made]
    data = {
        "cell": [row.cell for row in made],
        "method": [row.method for row in made],
        "against": [against] * len(made),
        "n": columns.counts([row.studies for row in made]),
        "median": columns.numbers([row.median for row in made]),
        "low": columns.numbers([row.interval.low if row.interval else None for row in made]),
        "high": columns.numbers([row.interval.high if row.interval else None for row in made]),
        "unit": [row.unit for row in made],
        "verdict": [one.word if one else None for one in said],
        "ahead": columns.counts([one.ahead if one else None for one in said]),
        "pairs": columns.counts([one.n if one else None for one in said]),
        "p": columns.numbers([one.p if one else None for one in said]),
        "iqm": columns.numbers([row.iqm for row in made]),
        "p_better": columns.numbers([row.chance for row in made]),
        "regret": columns.numbers([row.regret for row in made]),
        "regret_low": columns.numbers([row.noise.low if row.noise else None for row in made]),
        "regret_high": columns.numbers([row.noise.high if row.noise else None for row in made]),
        "rank": columns.numbers([row.rank for row in made]),
        "found_best": columns.counts([row.hits for row in made]),
        "source": [", ".join(row.sources) for row in made],
    }
    return pd.DataFrame(data)
