"""The words that an agent reads, track by track: golden/prompts/TRACK.md is the first prompt of a
small cell, and what a study of two trials adds. Read the diff before you accept it with
GOLDEN=accept pytest tests/test_prompts.py.
"""

import os

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.trial import Measurement, Source, Status, Trial

FOLDER = REPOSITORY / "tests" / "golden" / "prompts"
CELLS = {
    "deploy": "llama",
    "kernel": "kernels",
    "memory": "memory",
    "qat": "resnet",
    "qlora": "paper/qlora",
    "joint": "joint",
}
"""A committed suite that has a cell of the track."""


@pytest.mark.parametrize("track", CELLS)
def test_a_track_s_prompt_is_the_one_that_was_read_and_accepted(track):
    path = FOLDER / f"{track}.md"
    cells = suite.load(REPOSITORY / f"suites/{CELLS[track]}.yaml", REPOSITORY).cells
    cell = next(c for c in cells if c.track == track)
    prompts = Prompts(REPOSITORY / "prompts")

    text = f"{prompts.static(cell)}\n\n---\n\n{prompts.dynamic(cell, history(cell))}\n"

    if os.environ.get("GOLDEN") == "accept":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def history(cell):
    """The default, measured, and a second proposal that ran out of memory."""
    names = [cell.objective.metric, *(c.metric for c in cell.objective.constraints)]
    names += [goal.metric for goal in cell.objective.also]
    default = dict(cell.space.default)
    first = {n: p.choices[0] if p.finite else p.at(0.0) for n, p in cell.space.root.items()}
    return [
        Trial(
            number=0,
            configuration=default,
            status=Status.OK,
            measurements=tuple(
                measured(name, 10.0 * place) for place, name in enumerate(dict.fromkeys(names), 1)
            ),
        ),
        Trial(number=1, configuration=first, status=Status.OOM, reason="out", thought="a try"),
    ]


def measured(name, value):
    return Measurement(
        name=name, value=value, unit="1", source=Source.MEASURED, samples=(value,), used=1
    )
