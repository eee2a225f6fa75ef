"""The words that an agent sends: templates in `prompts/*.j2`, filled with nothing that changes from
run to run. They are of the style `haqa`; `conversation` has the style `paper`.

No clock, path or host name goes in, and every number through one filter, so that equal histories
give equal prompts.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.optimizers.agent import filters
from haqa_bench.optimizers.agent.sandbox import Sandbox, counting
from haqa_bench.protocols import Message
from haqa_bench.space import Scalar
from haqa_bench.study import HAQA, Own
from haqa_bench.trial import Status, Trial

THOUGHTS = 3
"""How many of its latest thoughts an agent is shown again. Paper: history is managed, the rule is
unknown.
"""
NONE = Own()
LIMITS = "Limits, which a configuration must keep:"
"""Follows a template of a project that does not tell the limits of its space."""
CONSTRAINTS = "Constraints; a configuration that breaks one does not count:"
"""Follows every template, for limits that are numbers: those beside the default, templates tell."""


class Prompts:
    """The templates of an agent: its `own`, by name, else those in `folder`.

    Without `hints` they tell nothing of the hardware, without `native` not which number formats it
    computes in, and how fast; without `react` they ask no thought; without `asked` they tell
    nothing that somebody who writes a kernel would ask of the device and its compiler.
    """

    style = HAQA

    @property
    def said(self) -> Mapping[str, Scalar]:
        """What a study's settings say of the style; nothing of our own."""
        return {}

    def __init__(
        self,
        folder: Path,
        hints: bool = True,
        react: bool = True,
        native: bool = True,
        own: Own = NONE,
        asked: bool = True,
    ) -> None:
        self.folder, self.own, self.asked = folder, own, asked
        self.shown = {"hints": hints, "react": react, "native": native}
        self.shown |= {} if asked else {"asked": asked}
        self.sandbox = _sandbox(folder, self.style, own.folder, tuple(sorted(own.texts.items())))

    def messages(self, cell: Cell, history: Sequence[Trial]) -> list[Message]:
        """What is sent for the proposal after `history`."""
        return [
            Message(role="system", content=self.static(cell)),
            Message(role="user", content=self.dynamic(cell, history)),
        ]

    def static(self, cell: Cell) -> str:
        """What stays the same during a study: the words of the cell's track."""
        track, constraints = tracks.of(cell), cell.objective.constraints
        relative = [c for c in constraints if c.at_most_times_default is not None]
        words = {
            "goal": tracks.metric(cell, cell.objective.metric),
            "about": "",
            "constraints": relative,
            "limits": cell.space.limits,
            **self.words(cell),
            **track.words(cell),
        }
        text = self._filled(self.frame(cell), track.prompt(), cell=cell, **words)
        text = _ended(text, LIMITS, cell.space.limits)
        text = _ended(text, CONSTRAINTS, [c.words for c in constraints if c not in relative])
        goals = cell.objective.also
        return f"{text}\n\n{self._filled('goals.j2', goals=goals)}" if goals else text

    def words(self, cell: Cell) -> dict[str, object]:
        """What `static` needs in this style, beside the words of the cell and its track."""
        return {}

    def frame(self, cell: Cell) -> str:
        """The template of `static`."""
        return f"{tracks.of(cell).frame(cell.workload) or cell.track}.j2"

    def fills(self, cell: Cell, at_once: bool) -> list[str]:
        """The templates that it fills for a cell, but those that they include; `at_once` is for one
        request of all proposals.
        """
        asked = ["zero_shot.j2"] if at_once else [*self._each_round(cell), "repair.j2"]
        return [self.frame(cell), *asked, *(["goals.j2"] if cell.objective.also else [])]

    def _each_round(self, cell: Cell) -> list[str]:
        return ["one_answer.j2" if cell.simulated else "dynamic.j2"]

    def dynamic(self, cell: Cell, history: Sequence[Trial]) -> str:
        """What is new each round: trials so far, the best, what is left.

        Of what is simulated, where one answer counts, none of it: how FP16 scores would tell where
        it fits, or what bounds it.
        """
        if cell.simulated:
            return self.one_answer(cell)
        objective, default = cell.objective, history[0]
        return self._filled(
            "dynamic.j2",
            cell=cell,
            trials=[_shown(cell, t) for t in history],
            metrics=metrics_of(cell, history),
            broken={t.number: objective.violations(t, default) for t in history},
            best=objective.best(history),
            thoughts=[t for t in history if t.thought][-THOUGHTS:],
            left=cell.left(history, cell.budget.spent(history)),
            resource=cell.budget.resource,
            spent=cell.budget.spent(history).resource,
            OK=Status.OK,
            INVALID=Status.INVALID,
        )

    def one_answer(self, cell: Cell) -> str:
        """What asks for the one answer that counts."""
        words = {"answer": "", **tracks.of(cell).words(cell)}
        return self._filled("one_answer.j2", cell=cell, answer=words["answer"])

    def repair(self, problem: str, ranges: bool = False) -> str:
        """What follows an invalid proposal, once; `ranges`: whether the space has some."""
        return self._filled("repair.j2", problem=problem, ranges=ranges)

    def completed(self, cell: Cell, action: object, history: Sequence[Trial]) -> object:
        """An action with what a reply may leave out; nothing in this style."""
        return action

    def zero_shot(self, count: int) -> str:
        """What asks for `count` proposals at once."""
        return self._filled("zero_shot.j2", count=count)

    def _filled(self, name: str, brought: str = "", **values: object) -> str:
        """The template `name` of the folder, or, where it has none, the text that is brought."""
        return self.sandbox.fill(name, brought, {"asked": True, **values, **self.shown}).strip()


@cache
def _sandbox(folder: Path, style: str, called: str, texts: tuple[tuple[str, str], ...]) -> Sandbox:
    """The templates of a style in a folder, with filters of this project's own."""
    sandbox = Sandbox(folder, Own(called, dict(texts)), style)
    own = (filters.number, filters.setting, filters.values)
    sandbox.filters |= {one.__name__: counting(one) for one in own}
    sandbox.filters["json"] = counting(filters.as_json)
    return sandbox


def _ended(text: str, head: str, lines: Iterable[str]) -> str:
    """A text, followed by those of the lines that it does not have, below a head."""
    untold = [f"- {line}" for line in lines if line not in text]
    return "\n".join([f"{text}\n\n{head}", *untold]) if untold else text


def _shown(cell: Cell, trial: Trial) -> Trial:
    """A trial as templates may tell it: what was never proposed is no invalid proposal."""
    unknown = dict.fromkeys(cell.space.root, "?")
    cut_off = trial.status is Status.CUT_OFF
    return trial.model_copy(update={"configuration": unknown}) if cut_off else trial


def metrics_of(cell: Cell, history: Sequence[Trial]) -> dict[str, str]:
    """The metrics worth showing, with their units: the objective's, then the track's others that
    were measured, then those that a constraint limits.
    """
    known, objective = tracks.of(cell).metrics_of(cell.workload).values(), cell.objective
    shown = [goal.metric for goal in objective.goals]
    shown += [metric.name for metric in known if metric.prompted]
    shown += [constraint.metric for constraint in objective.constraints]
    units = {m.name: m.unit for t in history for m in t.measurements}
    return {name: units[name] for name in dict.fromkeys(shown) if name in units}
