"""haqa-bench suite."""

import json
from pathlib import Path

import click

from haqa_bench.cli.command import Group
from haqa_bench.cli.options import JSON, PROJECT, SUITE, open_suite
from haqa_bench.cli.terminal import echo


@click.group(
    cls=Group,
    examples=[
        "haqa-bench suite validate llama",
        "haqa-bench suite show llama",
    ],
)
def suite() -> None:
    """Check and show suite files."""


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
    from haqa_bench.run.forecast import warnings
    from haqa_bench.run.plan import Plan

    loaded, folder = open_suite(suite_path, project)
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
        echo(f"\n{cell.id}: {cell.space.size} configurations, {cell.budget.proposals} proposals")
        echo(f"  {cell.objective.direction} {cell.objective.metric} ({cell.objective.unit})")
        for name, parameter in cell.space.root.items():
            echo(
                f"  {name}: {', '.join(map(str, parameter.choices))} (default {parameter.default})"
            )


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
