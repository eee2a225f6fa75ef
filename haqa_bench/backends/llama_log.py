"""What llama.cpp's log says, for people and for facts."""

import re
from collections.abc import Sequence

PLACE = re.compile(r"^(?:[a-z_0-9]+: )+(?:error loading model: )?")
"""How a line begins: the functions that it is from."""
VAGUE = re.compile(
    r"(?:\w+: )?failed to "
    r"(?:load model(?: from|$)|load GGUF split|read (?:header|key-value|tensor))"
)
"""An error that says only what came of another."""
KIND = re.compile(r": +general\.type +str += (\S+)")


def cause_of(errors: Sequence[str]) -> str:
    """Why llama.cpp would not, in its own words: the first of its errors that says a cause, since
    the later ones say what came of it.
    """
    lines = [PLACE.sub("", line.strip()) for line in "".join(errors).splitlines() if line.strip()]
    causes = [line for line in lines if not VAGUE.match(line)]
    return (causes or lines or ["llama.cpp gave no reason"])[0]


def other_kind(log: str) -> str:
    """What a file calls itself that is no model, in brackets; nothing where it is one."""
    kind = KIND.search(log)
    return f" (it is of the type '{kind[1]}')" if kind and kind[1] != "model" else ""


def all_said(log: str, start: str) -> list[str]:
    """What the log says after `start`, in each such line."""
    lines = [line for line in log.splitlines() if line.startswith(start)]
    return [line.removeprefix(start).strip(" =:") for line in lines]


def said(log: str, start: str) -> str:
    """What the log says after `start`, in its last such line; empty when it says nothing."""
    return (all_said(log, start) or [""])[-1]
