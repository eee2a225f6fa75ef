"""The track `table`: recorded measurements of anything, tuned by every method, run by none."""

from collections.abc import Mapping

from haqa_bench.cell import Cell
from haqa_bench.protocols import Metric
from haqa_bench.tracks import Track
from haqa_bench.tracks.table.workload import TableWorkload


class TableTrack(Track[TableWorkload]):
    """See Track."""

    name = "table"
    tuned = "own measurements"
    title = "Best configurations found among recorded measurements"
    workload = TableWorkload
    confirmed = "none"

    def metrics_of(self, workload: TableWorkload) -> Mapping[str, Metric]:
        """See Track: a suite says what its table holds."""
        return {
            name: Metric(name, c.unit, c.direction, c.about, c.digits, prompted=True)
            for name, c in workload.metrics.items()
        }

    def limits(self, workload: TableWorkload) -> str:
        """See Track."""
        return "nothing is run: all of it is recorded"

    def words(self, cell: Cell[TableWorkload]) -> Mapping[str, object]:
        """See Track."""
        return {"about": cell.workload.about}


TABLE = TableTrack()
