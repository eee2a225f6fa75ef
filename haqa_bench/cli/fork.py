"""haqa-bench fork."""

import io
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from haqa_bench.cli import in_vain
from haqa_bench.cli.asking import answered, asking
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import MOST, SEED, FilePath
from haqa_bench.cli.options import JSON, PROJECT, QUIET, RUNS_FOLDER, SUITE, chosen, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError, nearest

if TYPE_CHECKING:
    from haqa_bench.project import Run
    from haqa_bench.run.plan import Plan
    from haqa_bench.study import Method, Study
    from haqa_bench.suite import Suite


NAMING = ("base_url", "chat_command")
"""Options that are part of which fork is meant, so that a replay may have them too."""


class Wish(NamedTuple):
    """The fork that is to be made: of which method, from which round on, by whom, with which
    words, and what it is called.
    """

    method: str
    round: int | None
    model: str | None
    prompts: Path | None
    name: str | None
    own: bool
    """Whether its endpoint is the command line's, whatever the original's method names."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench fork llama --method haqa --round 5 --model my-llm --agent live",
        "haqa-bench fork llama --method haqa --round 5 --model my-llm --json",
    ],
)
@SUITE
@click.option("--method", required=True, help="The recorded method; or a fork that SUITE names.")
@click.option(
    "--round",
    "number",
    type=click.IntRange(1, MOST),
    help="The first round that is the fork's own; those before are the recorded ones.",
)
@click.option("--model", help="The LLM that answers from there on, by its endpoint's name for it.")
@click.option(
    "--prompts",
    type=FilePath(file_okay=False),
    help="A folder of templates of its own, below SUITE's folder or the project's.",
)
@click.option("--name", help="What the fork is called; made of the others when left out.")
@click.option("--cells", help="Only these cells, such as '*int4*'; * and ? match.")
@click.option("--seed", type=SEED, multiple=True, help="Only this seed; may be given again.")
@click.option(
    "--agent",
    type=click.Choice(["cassette", "live"]),
    default="cassette",
    show_default=True,
    help="Who answers the fork: what was recorded of it, or an LLM, which is recorded.",
)
@asking
@QUIET
@RUNS_FOLDER
@PROJECT
@JSON
def fork(
    suite_path: Path,
    project: Path | None,
    method: str,
    number: int | None,
    model: str | None,
    prompts: Path | None,
    name: str | None,
    cells: str | None,
    seed: tuple[int, ...],
    agent: str,
    as_json: bool,
    **how: Any,
) -> None:
    """Let another LLM, or the same with other words, go on with a recorded study of SUITE from a
    round on, and compare the two.

    The rounds before are taken from the recording: nobody is asked for them. Measurements are the
    recorded ones.
    """
    from haqa_bench.report import forks, formats

    in_vain.check(click.get_current_context(), but=NAMING)
    suite, folder = open_suite(suite_path, project)
    own = bool(model or how["base_url"] or how["chat_command"])
    wish = Wish(method, number, model, prompts, name, own)
    suite, made = _forked(suite, wish, suite_path.resolve().parent, folder)
    plan = _plan(suite, folder, chosen(suite, cells, made.name, seed), bool(seed))
    if agent == "live":
        _record(answered(plan._replace(agent="live"), suite_path, how))
    with _replayed(plan) as run:
        found = forks.compared(run, plan.studies)
        said = forks.verdicts(run, found)
    if as_json:
        told = {"method": _written(made, plan.studies), **forks.to_json(found, said)}
        echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    tables = {f"fork-{n}": forks.table(one) for n, one in enumerate(found)}
    echo(formats.in_parts(tables, "text"))
    for cell, one in said.items():
        echo(f"{cell}: {made.name} against {plan.studies[0].line[1].method.name}: {one}")
    echo(
        f"\nTo keep it, write into the suite's methods:\n{_yaml(_written(made, plan.studies))}",
        nl=False,
    )


def _forked(suite: "Suite", wish: Wish, beside: Path, project: Path) -> "tuple[Suite, Method]":
    """The suite with the fork, and the fork.

    Raises:
        HaqaError: it cannot be made; says which option is to be given.
    """
    methods = {method.name: method for method in suite.methods}
    origin = methods.get(wish.method)
    if origin is None:
        known = sorted(m.name for m in suite.methods if m.chat)
        raise HaqaError("--method", f"no method '{wish.method}'", nearest(wish.method, known))
    if origin.chat is None:
        raise HaqaError("--method", f"'{wish.method}' asks no LLM", "Name a recorded agent")
    if origin.fork and wish.round is None:
        return suite, origin
    if wish.round is None:
        raise HaqaError("--round", "missing", "Say which round is the first that is the fork's")
    if not (wish.model or wish.prompts):
        what = "a fork has another LLM, or other words"
        raise HaqaError("--model", what, "Give --model NAME, --prompts FOLDER, or both")
    made = _made(origin, wish, suite, beside, project)
    if made.name in methods:
        raise HaqaError("--name", f"the suite has a method '{made.name}' already", "Give another")
    return suite.model_copy(update={"methods": (*suite.methods, made)}), made


def _made(origin: "Method", wish: Wish, suite: "Suite", beside: Path, project: Path) -> "Method":
    from pydantic import ValidationError

    from haqa_bench.study import Fork, Method, with_templates

    chat = origin.chat
    if chat and wish.own:
        named = {"model": wish.model or chat.model, "base_url": None, "command": None}
        chat = chat.model_copy(update=named)
    prompts = os.path.relpath(wish.prompts, beside) if wish.prompts else None
    fields = {name: getattr(origin, name) for name in type(origin).model_fields}
    fields |= {"name": wish.name or _name(wish), "chat": chat}
    fields |= {"fork": Fork(method=origin.name, round=wish.round or 1)}
    fields |= {"prompts": prompts, "templates": {}} if prompts else {}
    try:
        Method(**fields)
    except ValidationError as error:
        raise HaqaError("--name", f"{fields['name']}: {error.errors()[0]['msg']}") from None
    method = origin.model_copy(update=fields)  # with what it knows beside its fields
    return with_templates(method, beside, project, suite.templates) if prompts else method


def _name(wish: Wish) -> str:
    words = [
        f"{wish.method}-at{wish.round}",
        wish.model or "",
        wish.prompts.name if wish.prompts else "",
    ]
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", word).strip("-.") for word in words if word)


def _plan(suite: "Suite", folder: Path, forks: "Sequence[Study]", seeded: bool) -> "Plan":
    """The forks whose originals are recorded, or all where a seed is named, or none is."""
    from haqa_bench.run.plan import Plan

    plan = Plan(suite, folder, forks)
    there = [s for s in forks if s.origin and plan.places.cassette(s.origin).is_file()]
    return plan if seeded or not there else plan._replace(studies=there)


def _record(plan: "Plan") -> None:
    """Lets the LLM go on with the studies; ends with exit code 3 where some failed."""
    from haqa_bench.cli.progress import with_progress
    from haqa_bench.run import inputs
    from haqa_bench.run.executors.local import Serial
    from haqa_bench.store import failures

    inputs.check(plan)
    target = plan.folder
    for note in with_progress(plan, target, Serial()):
        echo(note, err=True)
    if failed := failures.read(target):
        for study, failure in failed.items():
            echo(f"haqa-bench: {study}: {failure.what}", err=True)
        sys.exit(3)


def _replayed(plan: "Plan") -> "AbstractContextManager[Run]":
    """The run in which the forks and what they are forks of are replayed, open."""
    from haqa_bench.cli.progress import with_progress
    from haqa_bench.project import open_run
    from haqa_bench.run import inputs
    from haqa_bench.run.executors.local import Serial

    studies = {one.id: one for study in plan.studies for one in study.line[1::-1]}
    both = plan._replace(studies=list(studies.values()))
    inputs.check(both)
    target = both.folder
    for note in with_progress(both, target, Serial()):
        echo(note, err=True)
    return open_run(target)


def _written(method: "Method", studies: "Sequence[Study]") -> dict[str, Any]:
    """A method as a suite's file says it, for the cells and seeds that were forked."""
    told = method.model_dump(mode="json", exclude={"templates", "tracks"}, exclude_defaults=True)
    cells = list(dict.fromkeys(study.cell.id for study in studies))
    return told | {"seeds": sorted({study.seed for study in studies}), "cells": cells}


def _yaml(method: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    stream = io.StringIO()
    YAML().dump([method], stream)
    return stream.getvalue()
