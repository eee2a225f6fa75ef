"""The words that an agent sends: templates in `prompts/*.j2`, filled with nothing that changes from
run to run.

No clock, path or host name goes in, and every number through one filter, so that equal histories
give equal prompts.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jinja2

from haqa_bench.arithmetic import kernel_roofline as roofline
from haqa_bench.budget import spent_by
from haqa_bench.errors import HaqaError
from haqa_bench.space import Scalar, limit_in_words
from haqa_bench.suite import Cell
from haqa_bench.tracks.kernel import sources
from haqa_bench.trial import Status, Trial
from haqa_bench.workloads import KernelWorkload

THOUGHTS = 3
"""How many of its latest thoughts an agent is shown again. Paper: history is managed, the rule is
unknown.
"""


class Prompts:
    """The templates of an agent, in `folder`.

    Without `hints` they tell nothing of the hardware, without `native` not which number formats it
    computes in, and how fast; without `react` they ask no thought.
    """

    def __init__(
        self, folder: Path, hints: bool = True, react: bool = True, native: bool = True
    ) -> None:
        self.shown = {"hints": hints, "react": react, "native": native}
        self.environment = _environment(folder)

    def static(self, cell: Cell) -> str:
        """What stays the same during a study: the words of the cell's track."""
        told = (
            {"kernel": _kernel(cell.workload, cell.bit_width)}
            if isinstance(cell.workload, KernelWorkload)
            else {}
        )
        limits = [limit_in_words(name, p.limit) for name, p in cell.space.root.items() if p.limit]
        text = self._filled(
            f"{cell.track}.j2",
            cell=cell,
            constraints=cell.objective.constraints,
            limits=limits,
            **told,
        )
        goals = cell.objective.also
        return f"{text}\n\n{self._filled('goals.j2', goals=goals)}" if goals else text

    def dynamic(self, cell: Cell, history: Sequence[Trial]) -> str:
        """What is new each round: trials so far, the best, what is left.

        Of what is simulated, where one answer counts, none of it: how FP16 scores would tell where
        it fits, or what bounds it.
        """
        if cell.simulated:
            return self._filled("one_answer.j2", cell=cell)
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
            return self.environment.get_template(name).render(**values, **self.shown).strip()
        except jinja2.TemplateError as error:
            raise HaqaError(
                f"prompts/{name}", f"{type(error).__name__}: {error.message}", "Mend the template"
            ) from None


@cache
def _environment(folder: Path) -> jinja2.Environment:
    """The templates of a folder, each compiled once, and again where its file changes."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters |= {"number": number, "setting": setting}
    return environment


class Kernel(NamedTuple):
    """What a prompt tells of a kernel; `bytes` in millions, so are `operations`."""

    name: str
    format: str
    bytes: float
    operations: float
    source: str


FORMATS = {
    "INT4": "weights in blocks of 32 with a half scale, 4 bits each (llama.cpp's Q4_0), unpacked in the kernel; float32 otherwise",
    "INT8": "weights in blocks of 32 with a half scale, 8 bits each (llama.cpp's Q8_0), converted in the kernel; float32 otherwise",
    "FP16": "weights in half precision, converted in the kernel; float32 otherwise",
    "FP32": "float32",
}


def _kernel(workload: KernelWorkload, bit_width: str) -> Kernel:
    needs = roofline.work(workload.kernel, bit_width, workload.sizes)
    return Kernel(
        workload.kernel,
        FORMATS[bit_width],
        needs.bytes / 1e6,
        needs.operations / 1e6,
        sources.tunable_part(workload.kernel),
    )


def number(value: float) -> str:
    """Four significant digits, always written the same way."""
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"


def setting(value: Scalar) -> str:
    """A choice as JSON would write it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _metrics(cell: Cell, history: Sequence[Trial]) -> dict[str, str]:
    """The metrics worth showing, with their units: the objective's, then the track's others that
    were measured.
    """
    others = (
        "generation_tokens_per_s",
        "prompt_tokens_per_s",
        "held_out_loss",
        "train_loss",
        "peak_memory_mb",
        "perplexity",
    )
    shown = (*(g.metric for g in cell.objective.goals), *others)
    units = {m.name: m.unit for t in history for m in t.measurements}
    return {name: units[name] for name in dict.fromkeys(shown) if name in units}
