"""A cell as Python hands it out."""

from dataclasses import dataclass
from functools import cached_property

from haqa_bench import suite
from haqa_bench.api.response_table import Table, read
from haqa_bench.budget import Budget
from haqa_bench.cell import Cell as Resolved
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project
from haqa_bench.protocols import Evaluator
from haqa_bench.run import inputs
from haqa_bench.run.plan import Plan
from haqa_bench.run.study import evaluator_of
from haqa_bench.space import SearchSpace
from haqa_bench.study import Method, Study
from haqa_bench.trial import Objective


@dataclass(frozen=True, eq=False, repr=False)
class Cell:
    """One model x bit-width x hardware of a suite: one search space, one budget, and what was
    measured of it.

    `resolved` is all of it, as a run's lock holds it; `suite` and `project` are those it is of.
    """

    resolved: Resolved
    suite: suite.Suite
    project: Project

    @property
    def id(self) -> str:
        """Its name in its suite, such as smollm2-135m-int4-epyc-zen4-2core."""
        return self.resolved.id

    @property
    def track(self) -> str:
        """What is tuned, such as deploy."""
        return self.resolved.track

    @property
    def model(self) -> str:
        """The network being tuned, as its suite calls it."""
        return self.resolved.model_name

    @property
    def bit_width(self) -> str:
        """Such as INT4; `any` where it is decided in the space."""
        return self.resolved.bit_width

    @property
    def hardware(self) -> str:
        """The name of the device's profile."""
        return self.resolved.hardware.name

    @property
    def space(self) -> SearchSpace:
        """The configurations that may be tried: parameters by name, each with its choices."""
        return self.resolved.space

    @property
    def objective(self) -> Objective:
        """The metric that counts, with its unit and direction, and the constraints."""
        return self.resolved.objective

    @property
    def budget(self) -> Budget:
        """What a study may spend. `proposals` counts trials, the default included."""
        return self.resolved.budget

    @cached_property
    def table(self) -> Table:
        """Its response table: each configuration of its space, measured once.

        Raises:
            HaqaError: there is none yet, or it is damaged, or another cell's; or there can be none,
            since the space has a range.
        """
        if not self.space.finite:
            what = f"its space has {self.space.endless}: trials of it are recorded, and no table "
            what += "holds all of it"
            raise HaqaError(self.id, what, "Replay them with run_study or optimize")
        inputs.check(plan_of(self))
        return read(self.resolved, self.project.table(self.resolved))

    @cached_property
    def evaluator(self) -> Evaluator:
        """What answers its studies: the recorded measurements.

        Raises:
            HaqaError: there are none yet, or they are damaged, or another cell's.
        """
        plan = plan_of(self)
        inputs.check(plan)
        return evaluator_of(plan, self.resolved)

    def __repr__(self) -> str:
        return f"<Cell {self.id}: {self.track}, {self.space.extent}>"


def plan_of(cell: Cell, *studies: Study) -> Plan:
    """The plan that replays some studies of a cell; where none is given, one of the default."""
    default = Method.model_validate({"name": "default", "optimizer": "default"})
    any_study = Study(cell.suite.name, cell.resolved, default, 0)
    return Plan(cell.suite, cell.project.folder, studies or [any_study])
