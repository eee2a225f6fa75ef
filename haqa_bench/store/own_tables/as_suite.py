"""A suite of the track `table`, as a person would write it, and edit it afterwards."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from haqa_bench.hardware import UNSTATED
from haqa_bench.space import LISTED, Configuration, Scalar
from haqa_bench.store.own_tables.said import Metric

METHODS = ("default", "random", "local", "tpe", "gp")
FRONT = "nsga2"
"""What is added where there are several goals."""
SEEDS = 10
PROPOSALS = 30
FEW = 5
"""Proposals that a study of a small space gets at least."""
SHARE = 4
"""A study proposes at most one configuration in so many, or methods could not be told apart."""
DIGITS = 4
"""That tables show of a metric."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
"""What is no text in YAML, or was none in YAML 1.1, which editors still know."""


class Limited(NamedTuple):
    """A metric that may be at most so many times the default's; `why` is a comment."""

    metric: str
    at_most_times_default: float
    why: str = ""


class Wanted(NamedTuple):
    """All that a suite says. `listed` is what it says under `configurations`, empty where every
    combination of choices exists.
    """

    name: str
    origin: str
    about: str
    hardware: str
    metrics: Mapping[Metric, int]
    """With the digits of each."""
    goals: Sequence[str]
    limits: Sequence[Limited]
    choices: Mapping[str, Sequence[Scalar]]
    default: Configuration
    listed: str
    methods: Sequence[str]
    proposals: int


def text(wanted: Wanted) -> str:
    """The file."""
    name = said(wanted.name)
    return f"""\
# Written by haqa-bench table import, of {_comment(wanted.origin)}.
# It is yours to edit: what agents are told (about), what is tuned (space), what counts (objective).
name: {name}
models: {{{name}: {{architecture: recorded measurements, parameters: 0}}}}
methods:
{_methods(wanted)}
seeds: {list(range(SEEDS))}
cells:
  - track: table
    models: [{name}]
    bit_widths: [{UNSTATED}]
    hardware: [{said(wanted.hardware)}] # what it was measured on: haqa-bench hardware list
    workload:
      about: {said(wanted.about)} # all that an agent is told of it
      metrics: # each may have `about: ...` too
{_metrics(wanted)}
    space: # the choices in the file; each parameter may have `about: ...`, which agents read
{_space(wanted)}
    objective:
{_objective(wanted)}
    budget: {{proposals: {wanted.proposals}}} # of each study, the default included
"""


def proposals(configurations: int) -> int:
    """What a study gets where nobody says it."""
    return min(PROPOSALS, max(FEW, configurations // SHARE), configurations)


def digits(values: Sequence[float]) -> int:
    """How many digits behind the point show four of a usual value."""
    sizes = sorted(abs(value) for value in values if value)
    usual = sizes[len(sizes) // 2] if sizes else 1.0
    return min(12, max(0, DIGITS - 1 - math.floor(math.log10(usual))))


def said(value: object) -> str:
    """A value as YAML: a plain word, or as JSON has it."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(said, value))}]"
    found = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escaped(c) for c in found)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"


def _comment(words: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in words)


def _methods(wanted: Wanted) -> str:
    lines = [f"  - {{name: {said(m)}, optimizer: {said(m)}{_once(m)}}}" for m in wanted.methods]
    agent = "{name: haqa, optimizer: haqa, chat: {model: MODEL, temperature: 0.0}, seeds: [0]}"
    lines += [
        "  # An agent too: take the # away, and say which LLM answers with",
        f"  # haqa-bench run {wanted.name} --methods haqa --agent live --base-url URL",
        f"  # - {agent}",
    ]
    return "\n".join(lines)


def _once(method: str) -> str:
    return ", seeds: [0]" if method == "default" else ""


def _metrics(wanted: Wanted) -> str:
    lines = [
        f"        {said(m.name)}: "
        f"{{unit: {said(m.unit)}, direction: {m.direction}, digits: {shown}}}"
        for m, shown in wanted.metrics.items()
    ]
    return "\n".join(lines)


def _space(wanted: Wanted) -> str:
    lines = [
        f"      {said(name)}: {{choices: {said(values)}, default: {said(wanted.default[name])}}}"
        for name, values in wanted.choices.items()
    ]
    if wanted.listed:
        lines += [f"      {LISTED}: {said(wanted.listed)} # not every combination exists"]
    return "\n".join(lines)


def _objective(wanted: Wanted) -> str:
    first, *others = wanted.goals
    lines = [f"      metric: {said(first)}"]
    if others:
        lines += [f"      also: [{', '.join(f'{{metric: {said(name)}}}' for name in others)}]"]
    if wanted.limits:
        lines += ["      constraints:"]
    for one in wanted.limits:
        told = f"{{metric: {said(one.metric)}, at_most_times_default: {one.at_most_times_default}}}"
        lines += [f"        - {told}{f' # {_comment(one.why)}' if one.why else ''}"]
    return "\n".join(lines)
