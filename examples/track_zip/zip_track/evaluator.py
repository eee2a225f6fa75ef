"""The parent's side: a job for each sample, and its result as measurements."""

import zlib
from collections.abc import Mapping

from haqa_bench.backends.process import run_job
from haqa_bench.cell import Cell
from haqa_bench.protocols import Outcome
from haqa_bench.space import Configuration
from haqa_bench.tracks.repeats import MeasuredHere, estimated, timed
from zip_track.jobs import Pack
from zip_track.track import ZipWorkload


class ZipEvaluator(MeasuredHere):
    """Packs with each configuration, in a process of its own."""

    def __init__(self, cell: Cell[ZipWorkload]) -> None:
        self.cell, self.workload = cell, cell.workload

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator: a table of another zlib is another table."""
        return {"zlib": zlib.ZLIB_RUNTIME_VERSION}

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator."""
        return timed(lambda: self._packed(configuration))

    def _packed(self, configuration: Configuration) -> Outcome:
        settings = {name: int(value) for name, value in configuration.items()}
        job = Pack(kilobytes=self.workload.kilobytes, repeats=self.workload.repeats, **settings)
        packed = run_job(job, self.workload.timeout_s)
        readings = {
            ("pack_ms", "ms"): packed.ms,
            ("packed_share", "%"): [packed.share],
            ("others_share", "1"): [0.0] * len(packed.ms),
        }
        return Outcome(estimated(readings), {"zlib": zlib.ZLIB_RUNTIME_VERSION})
