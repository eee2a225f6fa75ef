"""The words that an agent sends: templates in `prompts/*.j2`, filled with nothing that changes from run to run.

No clock, path or host name goes in, and every number through one filter, so that equal histories give equal prompts.
"""

from collections.abc import Sequence
from pathlib import Path

import jinja2

from haqa_bench.budget import spent_by
from haqa_bench.errors import HaqaError
from haqa_bench.space import Scalar
from haqa_bench.suite import Cell
from haqa_bench.trial import Status, Trial

THOUGHTS = 3
"""How many of its latest thoughts an agent is shown again. Paper: history is managed, the rule is unknown."""


class Prompts:
    """The templates of an agent, in `folder`: without `hints` they tell nothing of the hardware, without `react` they ask no thought."""

    def __init__(self, folder: Path, hints: bool = True, react: bool = True) -> None:
        self.hints, self.react = hints, react
        self.environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
        )
        self.environment.filters |= {"number": number, "setting": setting}

    def static(self, cell: Cell) -> str:
        """What stays the same during a study."""
        text = self._filled("static.j2", cell=cell, constraints=cell.objective.constraints)
        goals = cell.objective.also
        return f"{text}\n\n{self._filled('goals.j2', goals=goals)}" if goals else text

    def dynamic(self, cell: Cell, history: Sequence[Trial]) -> str:
        """What is new each round: trials so far, the best, what is left."""
        objective, default = cell.objective, history[0]
        return self._filled(
            "dynamic.j2",
            cell=cell,
            trials=history,
            metrics=_metrics(cell, history),
            broken={t.number: objective.violations(t, default) for t in history},
            best=objective.best(history),
            thoughts=[t for t in history if t.thought][-THOUGHTS:],
            left=cell.budget.left(spent_by(history)),
            OK=Status.OK,
            INVALID=Status.INVALID,
        )

    def repair(self, problem: str) -> str:
        """What follows an invalid proposal, once."""
        return self._filled("repair.j2", problem=problem)

    def zero_shot(self, count: int) -> str:
        """What asks for `count` proposals at once."""
        return self._filled("zero_shot.j2", count=count)

    def _filled(self, name: str, **values: object) -> str:
        try:
            return self.environment.get_template(name).render(**values, hints=self.hints, react=self.react).strip()
        except jinja2.TemplateError as error:
            raise HaqaError(f"prompts/{name}", f"{type(error).__name__}: {error.message}", "Mend the template") from None


def number(value: float) -> str:
    """Four significant digits, always written the same way."""
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"


def setting(value: Scalar) -> str:
    """A choice as JSON would write it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _metrics(cell: Cell, history: Sequence[Trial]) -> dict[str, str]:
    """The metrics worth showing, with their units: the objective's, then the track's others that were measured."""
    shown = (*(g.metric for g in cell.objective.goals), "generation_tokens_per_s", "prompt_tokens_per_s", "peak_memory_mb", "perplexity")
    units = {m.name: m.unit for t in history for m in t.measurements}
    return {name: units[name] for name in dict.fromkeys(shown) if name in units}
