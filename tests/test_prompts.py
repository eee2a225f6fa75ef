"""The words that an agent reads, track by track: golden/prompts/TRACK.md is the first prompt of a
small cell, and what a study of two trials adds. Read the diff before you accept it with
GOLDEN=accept pytest tests/test_prompts.py.
"""

import os

import pytest
from support import REPOSITORY

from haqa_bench import registry, suite
from haqa_bench.optimizers.agent.conversation import Conversation
from haqa_bench.optimizers.agent.prompt import Prompts
from haqa_bench.study import Method, Study
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


GRIDS = {
    "kernel-grid": Prompts(REPOSITORY / "prompts"),
    "kernel-grid-no-hints": Prompts(REPOSITORY / "prompts", asked=False),
    "kernel-grid-paper": Conversation(REPOSITORY / "prompts"),
}
"""Prompts of a kernel whose grid and block are tuned: the agent's, its control's, the paper's."""


@pytest.mark.parametrize("name", GRIDS)
def test_the_prompt_of_a_kernel_on_a_grid_is_the_one_that_was_read_and_accepted(name):
    path, cell, prompts = FOLDER / f"{name}.md", on_grid(), GRIDS[name]

    told = [message.content for message in prompts.messages(cell, history(cell))]
    text = "\n\n---\n\n".join(told) + "\n"

    if os.environ.get("GOLDEN") == "accept":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def test_what_a_programmer_would_ask_is_what_the_control_is_not_told():
    told, control = (GRIDS[name].static(on_grid()) for name in [*GRIDS][:2])

    for fact in (
        "AVX-512",
        "32 vector registers",
        "L2 cache",
        "42.9 GB/s",
        "less than 7 %",
        "LOADV(",
    ):
        assert fact in told
    for fact in ("AVX-512", "registers", "cache", "GB/s", "less than 7 %", "define LOADV"):
        assert fact not in control
    assert "Intel Xeon" in control
    assert "27 GB/s" not in told  # of one thread that copies: agents believed it
    assert "barrier" not in told.replace("barrier(CLK_LOCAL_MEM_FENCE)", "")  # no answer


def test_the_control_is_an_agent_of_its_own_name():
    method = Method.model_validate(
        {"name": "any", "optimizer": "haqa-no-hints", "chat": {"model": "any"}}
    )
    study = Study("any", on_grid(), method, 0)

    agent = registry.optimizer(study, object(), REPOSITORY / "prompts")

    assert agent.settings["asked"] is False
    assert "AVX-512" not in agent.prompts.static(on_grid())


def test_templates_of_kernels_on_a_grid_are_in_the_locks_of_their_own_suites_alone():
    own, other = (
        suite.load(REPOSITORY / f"suites/{name}.yaml", REPOSITORY).templates
        for name in ("paper/kernels", "kernels")
    )

    assert own.keys() - other.keys() >= {"kernel-grid.j2", "kernel-facts.j2"}
    assert "rewrite/kernel-grid.j2" in own
    assert not [name for name in other if "grid" in name or "facts" in name]


def on_grid():
    """A cell of table 3 as agents see it that do not rewrite."""
    cells = suite.load(REPOSITORY / "suites/paper/kernels.yaml", REPOSITORY).cells
    found = next(cell for cell in cells if cell.id.endswith("grid-silu-64"))
    return found.model_copy(update={"space": found.space.held})


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
