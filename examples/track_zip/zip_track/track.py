"""The track `zip`: what it runs, measures, checks and says. Light: a replay imports only this."""

from collections.abc import Collection, Iterator, Mapping

from pydantic import Field

from haqa_bench.cell import Cell, Workload
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator, Metric
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.metrics import OTHERS_SHARE, by_name


class ZipWorkload(Workload):
    """What one trial runs: a made-up text of so many `kilobytes`, packed `repeats` times."""

    kilobytes: int = Field(256, ge=1)
    repeats: int = Field(5, ge=2)
    timeout_s: float = Field(30.0, gt=0)


class ZipTrack(Track[ZipWorkload]):
    """See Track, whose other hooks have defaults."""

    name = "zip"
    title = "Quickest settings of zlib found"
    workload = ZipWorkload
    metrics = by_name(
        Metric("pack_ms", "ms", "minimize", "to pack the text once", digits=2),
        Metric("packed_share", "%", "minimize", "of the text's size", digits=1, prompted=True),
        OTHERS_SHARE,
    )

    def settings(self, workload: ZipWorkload) -> Collection[str]:
        """See Track: a space may have these parameters and no others."""
        return ("level", "memory", "window")

    def evaluator(self, cell: Cell[ZipWorkload]) -> LiveEvaluator:
        """See Track."""
        from zip_track.evaluator import ZipEvaluator

        return ZipEvaluator(cell)

    def limits(self, workload: ZipWorkload) -> str:
        """See Track."""
        return f"at most {workload.timeout_s:g} s each"

    def words(self, cell: Cell[ZipWorkload]) -> Mapping[str, object]:
        """See Track: what an agent is told beside model, objective and parameters."""
        return {"about": f"zlib packs a text of {cell.workload.kilobytes} kB"}

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track."""
        yield Rule("level", 1, "the quickest level")


ZIP = ZipTrack()
