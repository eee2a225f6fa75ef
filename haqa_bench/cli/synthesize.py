"""haqa-bench synthesize."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import SEED, FilePath
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import JsonObject
from haqa_bench.errors import EvaluationFailed, HaqaError

if TYPE_CHECKING:
    from haqa_bench.backends.random_models import RandomFormats
    from haqa_bench.cli.known_models import Known

FORMAT = "Q4_0"


@click.command(
    cls=Command,
    examples=[
        "haqa-bench synthesize --list",
        "haqa-bench synthesize LLaMA2-7B --format Q4_0 --format Q8_0",
        "haqa-bench synthesize model.gguf --format F16 --output twin.gguf",
        "haqa-bench synthesize --remove",
    ],
)
@click.argument("model", required=False, shell_complete=completion.sized_models)
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=[FORMAT],
    show_default=True,
    help="llama.cpp's format, such as F16, Q8_0 or Q4_K_M; may be given several times.",
)
@click.option(
    "--output",
    type=FilePath(dir_okay=False, suffixes=(".gguf",)),
    help="Where the file goes; the cache, where suites find it, when left out.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of the weights.")
@click.option(
    "--suite",
    type=FilePath(),
    help="The suite whose model is meant, where several have one of the name.",
)
@click.option("--list", "listed", is_flag=True, help="List the models, and the files there are.")
@click.option(
    "--remove", is_flag=True, help="Remove the files that were made: all, or those of MODEL."
)
@PROJECT
@JSON
def synthesize(
    model: str | None,
    formats: Sequence[str],
    output: Path | None,
    seed: int,
    suite: Path | None,
    listed: bool,
    remove: bool,
    project: Path | None,
    as_json: bool,
) -> None:
    """Write MODEL with random weights as a GGUF file: of its sizes and llama.cpp's tensor types, so
    as fast and as large, and of no use but for that.

    MODEL is a model of a suite, transformers' config.json of a LLaMA or its folder, or a GGUF file,
    of which a twin is made.
    """
    from haqa_bench.backends.random_models import RandomFormats
    from haqa_bench.cli.known_models import chosen

    if listed:
        _print_list(_known(suite, project), as_json)
        return
    if model is None and not remove:
        raise HaqaError("MODEL", "is missing", "haqa-bench synthesize --list says what there is")
    random = chosen(model, _known(suite, project)) if model is not None else None
    made = RandomFormats(dataclasses.replace(random, seed=seed)) if random else None
    if remove:
        _print_removed(made, as_json)
    elif made is not None:
        _print_made(str(model), _made(made, formats, output), as_json)


def _known(suite: Path | None, project: Path | None) -> "Sequence[Known]":
    from haqa_bench.cli.known_models import known
    from haqa_bench.project import find_suite, project_above

    path = find_suite(suite, project) if suite is not None else None
    return known(project_above(path.parent if path else Path.cwd(), project), path)


def _made(made: "RandomFormats", formats: Sequence[str], output: Path | None) -> list[JsonObject]:
    """What was written, a file for each format."""
    from haqa_bench.backends.gguf_models import require_gguf, require_llama_cpp

    require_llama_cpp()
    require_gguf()
    if output is not None and len(formats) > 1:
        what = f"is one file, and {len(formats)} formats are asked for"
        raise HaqaError(output, what, "Give one --format, or leave --output out")
    try:
        return [_written(made, name, output) for name in dict.fromkeys(formats)]
    except EvaluationFailed as failure:
        raise HaqaError(f"--format {' '.join(formats)}", failure.reason) from None


def _written(made: "RandomFormats", name: str, output: Path | None) -> JsonObject:
    if output is not None:
        made.write(name, output)
    path, contents = output or made.path(name), made.contents(name)
    return {
        "format": name,
        "file": str(path),
        "bytes": path.stat().st_size,
        "parameters": contents.parameters,
        "bits_per_weight": round(contents.bits_per_weight, 3),
        "tensor_types": contents.tensor_types,
        "weights": "random",
        "seed": made.model.seed,
        "identity": made.sha256,
    }


def _print_made(model: str, files: list[JsonObject], as_json: bool) -> None:
    if as_json:
        echo(json.dumps({"model": model, "files": files}, indent=2))
        return
    for one in files:
        told = f"{one['bytes'] / 1e9:.2f} GB, {one['bits_per_weight']} bits a weight"
        echo(f"{one['file']}: {told} ({one['tensor_types']}), weights: random")


def _print_list(models: "Sequence[Known]", as_json: bool) -> None:
    from haqa_bench.backends.random_models import kept

    files = kept()
    if as_json:
        there = [{"file": str(file.path), "bytes": file.size} for file in files]
        echo(json.dumps({"models": [_told(one) for one in models], "files": there}, indent=2))
        return
    width = max((len(one.name) for one in models), default=0)
    for one in models:
        count = f"{one.parameters:>14,} weights"
        echo(f"{one.name:{width}}  {count}  {one.model.architecture:5}  in {', '.join(one.suites)}")
    for file in files:
        echo(f"{file.path}: {file.size / 1e9:.2f} GB")


def _told(one: "Known") -> JsonObject:
    return {
        "name": one.name,
        "suites": list(one.suites),
        "synthetic": one.synthetic,
        "architecture": one.model.architecture,
        "parameters": one.parameters,
        "dimensions": dict(one.model.dimensions),
    }


def _print_removed(made: "RandomFormats | None", as_json: bool) -> None:
    from haqa_bench.backends.random_models import random_folder, remove

    freed = remove(made)
    if as_json:
        echo(json.dumps({"folder": str(random_folder()), "freed_bytes": freed}))
    else:
        echo(f"{random_folder()}: {freed / 1e9:.2f} GB of random weights removed")
