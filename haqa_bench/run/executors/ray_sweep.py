"""Sweeps over a Ray cluster: every configuration is a task for a machine that offers the cell's
hardware by name, and says which machine it was measured on.

The process that was started writes the journal and the table alone. A machine that dies loses what
it was measuring, which another begins again; where all are gone, the sweep waits until one joins.
"""

from haqa_bench.cell import Cell
from haqa_bench.errors import EvaluationFailed
from haqa_bench.protocols import Evaluator, Outcome
from haqa_bench.run.executors.ray_cluster import (
    Live,
    Remote,
    check_resource,
    connect,
    outcome_of,
)
from haqa_bench.space import Configuration

MACHINE, NODE = "measured_on", "node"
"""The facts that say which machine measured a row, and which of several alike."""


class Spread(Remote):
    """An evaluator whose samples are taken on the machines of a cluster, and name them."""

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator; with the machine among its facts.

        Raises:
            EvaluationFailed: as there, with the machine in its reason.
        """
        answer = self.answer("sample", dict(configuration), repeat)
        try:
            outcome = outcome_of(answer.found)
        except EvaluationFailed as failure:
            reason = f"{failure.reason} (on node {answer.node})"
            raise EvaluationFailed(failure.status, reason, failure.seconds) from None
        named = {MACHINE: answer.machine, NODE: answer.node}
        return outcome._replace(facts={**outcome.facts, **named})


def spread(cell: Cell, address: str, made_from: Evaluator | None = None) -> Spread:
    """What measures a cell on the machines of the cluster at an address, which offer its hardware.

    Raises:
        HaqaError: no cluster answers there, or no machine of it offers the hardware.
    """
    connect(address)
    check_resource(cell)
    return Spread(cell, made_from or Live(cell.model_dump_json()))
