"""The words that an agent sends: templates in `prompts/*.j2`, filled with nothing that changes from
run to run.

No clock, path or host name goes in, and every number through one filter, so that equal histories
give equal prompts.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2
import jinja2.meta

from haqa_bench import shipped, tracks
from haqa_bench.cell import Cell
from haqa_bench.documents import read_text
from haqa_bench.errors import HaqaError
from haqa_bench.optimizers.agent.sandbox import Sandbox, counting
from haqa_bench.space import Scalar
from haqa_bench.study import MAX_TEMPLATE, Own
from haqa_bench.trial import Status, Trial

THOUGHTS = 3
"""How many of its latest thoughts an agent is shown again. Paper: history is managed, the rule is
unknown.
"""
NONE = Own()
LIMITS = "Limits, which a configuration must keep:"
"""Follows a template of a project that does not tell the limits of its space."""


class Prompts:
    """The templates of an agent: its `own`, by name, else those in `folder`.

    Without `hints` they tell nothing of the hardware, without `native` not which number formats it
    computes in, and how fast; without `react` they ask no thought.
    """

    def __init__(
        self,
        folder: Path,
        hints: bool = True,
        react: bool = True,
        native: bool = True,
        own: Own = NONE,
    ) -> None:
        self.folder = folder
        self.shown = {"hints": hints, "react": react, "native": native}
        self.sandbox = _sandbox(folder, own.folder, tuple(sorted(own.texts.items())))

    def static(self, cell: Cell) -> str:
        """What stays the same during a study: the words of the cell's track."""
        track = tracks.of(cell)
        words = {
            "goal": tracks.metric(cell, cell.objective.metric),
            "about": "",
            "constraints": cell.objective.constraints,
            "limits": cell.space.limits,
            **track.words(cell),
        }
        text = self._filled(f"{cell.track}.j2", track.prompt(), cell=cell, **words)
        untold = [f"- {limit}" for limit in cell.space.limits if limit not in text]
        text = "\n".join([f"{text}\n\n{LIMITS}", *untold]) if untold else text
        goals = cell.objective.also
        return f"{text}\n\n{self._filled('goals.j2', goals=goals)}" if goals else text

    def dynamic(self, cell: Cell, history: Sequence[Trial]) -> str:
        """What is new each round: trials so far, the best, what is left.

        Of what is simulated, where one answer counts, none of it: how FP16 scores would tell where
        it fits, or what bounds it.
        """
        if cell.simulated:
            words = {"answer": "", **tracks.of(cell).words(cell)}
            return self._filled("one_answer.j2", cell=cell, answer=words["answer"])
        objective, default = cell.objective, history[0]
        return self._filled(
            "dynamic.j2",
            cell=cell,
            trials=[_shown(cell, t) for t in history],
            metrics=_metrics(cell, history),
            broken={t.number: objective.violations(t, default) for t in history},
            best=objective.best(history),
            thoughts=[t for t in history if t.thought][-THOUGHTS:],
            left=cell.budget.left(cell.budget.spent(history)),
            resource=cell.budget.resource,
            spent=cell.budget.spent(history).resource,
            OK=Status.OK,
            INVALID=Status.INVALID,
        )

    def repair(self, problem: str) -> str:
        """What follows an invalid proposal, once."""
        return self._filled("repair.j2", problem=problem)

    def zero_shot(self, count: int) -> str:
        """What asks for `count` proposals at once."""
        return self._filled("zero_shot.j2", count=count)

    def _filled(self, name: str, brought: str = "", **values: object) -> str:
        """The template `name` of the folder, or, where it has none, the text that is brought."""
        return self.sandbox.fill(name, brought, {**values, **self.shown}).strip()


def used(folder: Path, cell: Cell, at_once: bool, own: Own = NONE) -> set[str]:
    """The templates that an agent fills for a cell, with those that they include: its `own`, else
    those in `folder`; `at_once` is for one request of all proposals.
    """
    round_ = "one_answer.j2" if cell.simulated else "dynamic.j2"
    found: set[str] = set()
    left = [f"{cell.track}.j2", *(["zero_shot.j2"] if at_once else [round_, "repair.j2"])]
    left += ["goals.j2"] if cell.objective.also else []
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _included(folder, name, tracks.of(cell).prompt(), own)
    return found


def _included(folder: Path, name: str, brought: str, own: Own) -> list[str]:
    path = shipped.found(folder.parent, f"{folder.name}/{name}")
    text = own.texts.get(name)
    if text is None:
        text = read_text(path, MAX_TEMPLATE) if path.is_file() else brought
    try:
        parsed = _sandbox(folder).parse(text)
    except jinja2.TemplateSyntaxError as error:
        what = f"not a template: {error.message}"
        where = f"{own.folder}/{name}" if name in own.texts else path
        raise HaqaError(f"{where}:{error.lineno}", what, "Mend the template") from None
    return [name for name in jinja2.meta.find_referenced_templates(parsed) if name]


@cache
def _sandbox(folder: Path, called: str = "", texts: tuple[tuple[str, str], ...] = ()) -> Sandbox:
    """The templates of a folder, with filters of this project's own."""
    sandbox = Sandbox(folder, Own(called, dict(texts)))
    sandbox.filters |= {"number": counting(number), "setting": counting(setting)}
    return sandbox


def number(value: float) -> str:
    """Four significant digits, always written the same way."""
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"


def setting(value: Scalar) -> str:
    """A choice as JSON would write it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _shown(cell: Cell, trial: Trial) -> Trial:
    """A trial as templates may tell it: what was never proposed is no invalid proposal."""
    unknown = dict.fromkeys(cell.space.root, "?")
    cut_off = trial.status is Status.CUT_OFF
    return trial.model_copy(update={"configuration": unknown}) if cut_off else trial


def _metrics(cell: Cell, history: Sequence[Trial]) -> dict[str, str]:
    """The metrics worth showing, with their units: the objective's, then the track's others that
    were measured, then those that a constraint limits.
    """
    known, objective = tracks.of(cell).metrics_of(cell.workload).values(), cell.objective
    shown = [goal.metric for goal in objective.goals]
    shown += [metric.name for metric in known if metric.prompted]
    shown += [constraint.metric for constraint in objective.constraints]
    units = {m.name: m.unit for t in history for m in t.measurements}
    return {name: units[name] for name in dict.fromkeys(shown) if name in units}
