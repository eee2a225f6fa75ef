"""What a cell of the track `table` holds: somebody's own measurements, and what they are of."""

from typing import Literal

from pydantic import Field, ValidationError

from haqa_bench.cell import Workload
from haqa_bench.documents import Document


class Column(Document):
    """A metric of somebody's own: its unit, which is better, and what it is."""

    unit: str = Field(min_length=1)
    direction: Literal["maximize", "minimize"]
    about: str = ""
    digits: int = Field(3, ge=0, le=12)


class TableWorkload(Workload):
    """Measurements that were taken elsewhere: nothing is run here.

    `about` says of what, as an agent is told it.
    """

    about: str = Field(min_length=1)
    metrics: dict[str, Column] = Field(min_length=1)

    def agrees(self, recorded: object) -> bool:
        """See Workload: words may be written anew, numbers keep their units."""
        if not isinstance(recorded, dict):
            return False
        try:
            known = TableWorkload.model_validate(recorded).metrics
        except ValidationError:
            return False
        return all(n in known and known[n].unit == c.unit for n, c in self.metrics.items())
