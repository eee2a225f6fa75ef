"""haqa-bench suite."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from haqa_bench.cli.command import Group
from haqa_bench.cli.options import JSON, PROJECT, SUITE, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.project import Project
    from haqa_bench.suite import Suite


@click.group(
    cls=Group,
    examples=[
        "haqa-bench suite validate llama",
        "haqa-bench suite show llama",
    ],
)
def suite() -> None:
    """List, check and show suite files."""


@suite.command(
    "list",
    examples=[
        "haqa-bench suite list",
    ],
)
@PROJECT
@JSON
def list_(project: Path | None, as_json: bool) -> None:
    """List the suites of the project, and those that come with haqa-bench, which run from any
    folder by their names.
    """
    from haqa_bench.project import project_above

    here = project_above(Path.cwd(), project)
    found = [_listed(name, path, here) for name, path in here.suites.items()]
    if as_json:
        echo(json.dumps([one._asdict() for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        echo("\n  ".join(_told(one)))


class Listed(NamedTuple):
    """A suite in the list. `recorded` says whether all, some or none of its studies replay; None
    where it cannot be read, and `fault` says why.
    """

    name: str
    file: str
    origin: Literal["project", "haqa-bench"]
    hides: str | None
    """The suite of this name that comes with haqa-bench, where the project has one too."""
    title: str = ""
    tracks: Sequence[str] = ()
    cells: int = 0
    methods: Sequence[str] = ()
    recorded: Literal["all", "some", "none"] | None = None
    fault: str | None = None


def _listed(name: str, path: Path, here: "Project") -> Listed:
    from haqa_bench import shipped
    from haqa_bench.suite import load

    brought, own = shipped.folder(), path.is_relative_to(here.folder)
    theirs = brought / path.relative_to(here.folder) if brought and own else None
    hides = str(theirs) if theirs and theirs != path and theirs.is_file() else None
    listed = Listed(name, str(path), "project" if own else "haqa-bench", hides)
    try:
        loaded = load(path, here.folder)
    except HaqaError as fault:
        return listed._replace(fault=str(fault))
    return listed._replace(
        title=loaded.title,
        tracks=sorted({cell.track for cell in loaded.cells}),
        cells=len(loaded.cells),
        methods=[method.name for method in loaded.methods],
        recorded=_recorded(loaded, here),
    )


def _recorded(loaded: "Suite", here: "Project") -> Literal["all", "some", "none"]:
    """Whether its studies can be replayed."""
    from haqa_bench.run import inputs
    from haqa_bench.run.plan import Plan

    studies = loaded.studies()
    lacking = inputs.lacking(Plan(loaded, here.folder, studies))
    cells = {cell.id for cell in lacking.tables}
    gone = {s.id for s in lacking.cassettes} | {s.id for s in studies if s.cell.id in cells}
    if not gone:
        return "all"
    return "none" if len(gone) == len(studies) else "some"


def _told(one: Listed) -> list[str]:
    where = f"{one.file}, of the {one.origin}" if one.origin == "project" else "of haqa-bench"
    hides = ", in place of haqa-bench's own" if one.hides else ""
    if one.fault:
        return [f"{one.name}: {where}{hides}", f"cannot be read: {one.fault}"]
    counts = f"{', '.join(one.tracks)}; {one.cells} cells, {len(one.methods)} methods"
    return [f"{one.name}: {one.title}", f"{counts}; recorded: {one.recorded}; {where}{hides}"]


@suite.command(
    examples=[
        "haqa-bench suite validate llama",
    ],
)
@SUITE
@PROJECT
@JSON
def validate(suite_path: Path, project: Path | None, as_json: bool) -> None:
    """Check SUITE and say what it resolves to."""
    from haqa_bench import registry
    from haqa_bench.run.forecast import warnings
    from haqa_bench.run.plan import Plan

    loaded, folder = open_suite(suite_path, project)
    registry.check_spaces(loaded.studies())
    found = warnings(Plan(loaded, folder, loaded.studies()))
    facts = {
        "suite": loaded.name,
        "cells": len(loaded.cells),
        "methods": len(loaded.methods),
        "seeds": len(loaded.seeds),
        "studies": len(loaded.studies()),
        "lock": loaded.lock,
        "warnings": found,
    }
    if as_json:
        echo(json.dumps(facts))
    else:
        echo(
            f"{suite_path}: valid. "
            + ", ".join(f"{k}: {v}" for k, v in facts.items() if k != "warnings")
        )
        for warning in found:
            echo(f"Budget check: {warning}.", err=True)


@suite.command(
    examples=[
        "haqa-bench suite show llama",
        "haqa-bench suite show llama --json",
    ],
)
@SUITE
@PROJECT
@JSON
def show(suite_path: Path, project: Path | None, as_json: bool) -> None:
    """Show SUITE's cells; with --json, the whole lock."""
    from haqa_bench import tracks

    loaded, _ = open_suite(suite_path, project)
    if as_json:
        echo(
            json.dumps(loaded.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
        )
        return
    echo(f"{loaded.name}: {loaded.title}\nlock {loaded.lock}")
    echo(
        "methods: "
        + ", ".join(m.name for m in loaded.methods)
        + "; seeds: "
        + ", ".join(map(str, loaded.seeds))
    )
    for cell in loaded.cells:
        budget = f"{cell.budget.proposals} proposals"
        if resource := cell.budget.resource:
            budget += f", {resource.at_most} {resource.parameter}"
        echo(f"\n{cell.id}: {cell.space.extent}, {budget}")
        echo(f"  {cell.objective.direction} {cell.objective.metric} ({cell.objective.unit})")
        if begins_with := tracks.of(cell).begins_with(cell):
            echo(f"  {begins_with}")
        for name, parameter in cell.space.root.items():
            echo(f"  {name}: {parameter.said} (default {parameter.default})")


@suite.command(
    examples=[
        "haqa-bench suite schema > suite.schema.json",
    ],
)
@click.option("--json", is_flag=True, expose_value=False, help="It is JSON always.")
def schema() -> None:
    """Print the JSON schema of suite files, for editors."""
    from haqa_bench.suite import file_type

    echo(json.dumps(file_type().model_json_schema(), indent=2))
