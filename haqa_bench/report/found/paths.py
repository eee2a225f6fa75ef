"""Where each agent's studies went."""

import json
from typing import NamedTuple

from haqa_bench.project import Run
from haqa_bench.space import Configuration


class Stop(NamedTuple):
    """A trial of an agent's study; `configuration` in JSON, null where the proposal was none."""

    cell: str
    method: str
    seed: int
    number: int
    configuration: str
    feasible: bool

    @property
    def proposed(self) -> Configuration | None:
        """The configuration; None where the proposal was none."""
        read: Configuration | None = json.loads(self.configuration)
        return read


def paths(run: Run) -> list[Stop]:
    """The trials of all agents, in order."""
    return run.rows("paths", Stop)
