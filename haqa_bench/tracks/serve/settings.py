"""The settings that a space of the serve track may have: llama.cpp's, and its server's own."""

from collections.abc import Mapping
from dataclasses import fields
from typing import get_args

from haqa_bench.backends import llama_jobs
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.backends.wire import Mismatch, build
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.space import SearchSpace
from haqa_bench.tracks.serve.jobs import ServerSettings, Speculation

SERVER = tuple(field.name for field in fields(ServerSettings))
SETTINGS = ("format", *llama_jobs.SETTINGS, *SERVER)
SLOTS = range(1, 257)
"""As many as llama.cpp has sequences for (LLAMA_MAX_SEQ)."""
GUESSES = range(1025)
"""The most that llama-server takes."""
WITHIN: Mapping[str, range] = {"parallel": SLOTS, "draft_max": GUESSES, "draft_min": GUESSES}
TEXT = "text"
"""The text of a cell that prompts are cut from."""
DRAFTED = "draft-simple"
"""The speculation that needs a draft model."""


def with_defaults(configuration: Mapping[str, object]) -> tuple[Settings, ServerSettings]:
    """The settings of a configuration; llama.cpp's own default where it leaves one out.

    Raises:
        EvaluationFailed: a value is of another type than it takes, or out of its range.
    """
    own = {name: value for name, value in configuration.items() if name in SERVER}
    others = {name: value for name, value in configuration.items() if name not in SERVER}
    try:
        server = build(ServerSettings, own)
    except Mismatch as fault:
        raise EvaluationFailed(Status.REFUSED, str(fault)) from None
    if fault_of := _fault(server):
        raise EvaluationFailed(Status.REFUSED, fault_of)
    return llama_jobs.with_defaults(others), server


def _fault(server: ServerSettings) -> str:
    """Why llama-server would not take them; nothing where it does."""
    for name, allowed in WITHIN.items():
        if (value := getattr(server, name)) not in allowed:
            return f"{name}: {value} is not between {allowed[0]} and {allowed[-1]}"
    if not 0 <= server.draft_p_min <= 1:
        return f"draft_p_min: {server.draft_p_min} is not between 0 and 1"
    if 0 < server.draft_max < server.draft_min:
        return f"draft_min: {server.draft_min} is more than draft_max = {server.draft_max}"
    return ""


def check_speculation(space: SearchSpace, draft: str) -> None:
    """Raises ValueError for a speculation that there is not, or one that lacks its draft model."""
    parameter = space.listable.get("speculation")
    for value in parameter.choices if parameter else ():
        if value not in get_args(Speculation):
            known = ", ".join(get_args(Speculation))
            raise ValueError(f"space: speculation: {value!r} is none of {known}")
        if value == DRAFTED and not draft:
            what = f"space: speculation: {DRAFTED} needs a draft model"
            raise ValueError(f"{what}: name its file in the workload, draft:")
