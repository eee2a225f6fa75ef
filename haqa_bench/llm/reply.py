"""Reads an agent's action out of an LLM's reply.

A reply should be one JSON object, `{"thought": ..., "action": {...}}`. What models wrap around it,
a `<think>` block, Markdown fences, prose, is passed over; the object itself is never mended.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """`action` as the model gave it, unchecked, or None with the `problem`."""

    thought: str
    action: Any
    problem: str = ""


def read_reply(content: str, key: str = "action") -> Reply:
    """The last JSON object in `content` that has the `key`, whose value is the action."""
    text = re.sub(r"(?s)<think>.*?(</think>|\Z)", "", content)
    if not text.strip():
        return Reply("", None, "the reply is empty")
    found = [o for o in _objects(text) if key in o]
    if not found:
        return Reply("", None, f'the reply holds no JSON object with the key "{key}"')
    thought = found[-1].get("thought", "")
    return Reply(thought if isinstance(thought, str) else json.dumps(thought), found[-1][key])


def _objects(text: str) -> list[Mapping[str, Any]]:
    """The outermost JSON objects in `text`, in order."""
    found, at, decoder = [], 0, json.JSONDecoder(parse_constant=lambda name: name)
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        found.append(value)
    return found
