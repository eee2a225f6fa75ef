"""A tuning as a suite of one cell, in a folder that runs like any other."""

import json
from collections.abc import Sequence
from pathlib import Path

import psutil

from haqa_bench import disk, shipped
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import gguf_files, llama_programs
from haqa_bench.backends.gguf_models import Formats
from haqa_bench.backends.machine import cpu
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, read_text
from haqa_bench.errors import HaqaError
from haqa_bench.hardware import to_yaml
from haqa_bench.store import facts
from haqa_bench.suite import Suite
from haqa_bench.tracks.serve import command
from haqa_bench.tune import minutes, placement, served, space
from haqa_bench.tune.minutes import Division
from haqa_bench.tune.placement import ALONE, There
from haqa_bench.tune.wish import Serving, Wish

NAME = "tune"
TEXT_NAME = "quality.txt"
TEXT = "suites/texts/long.txt"
"""Of our own words: the text that quality is measured on where none is given."""
PROPOSALS = 20
"""Configurations that are tried where nothing is said."""
PER_MINUTE = 60
"""No more are tried in one: each is a process that loads a model."""
UNPLANNED = ("rules", "local", "random")
"""Methods that propose the same whatever the number of proposals that they have."""
HOPELESS = 0.8
"""A configuration whose first process reaches no more than this share of the best so far is not
measured again.
"""


def division(wish: Wish, model: Formats, share: float) -> Division:
    """How this machine's minutes are divided for a model of which a `share` lies on a GPU."""
    contents = model.contents(OWN)
    cores = psutil.cpu_count(logical=False) or 1
    return minutes.divided(wish, contents.stored_bytes, contents.parameters, cores, share)


def there(wish: Wish, path: Path) -> There:
    """The devices of this machine, and what of a model is put on them in each format that may be
    tried, planned for all slots.

    Raises:
        HaqaError: the backend that the environment names cannot be loaded.
    """
    return placement.there(path, served.default_context(wish), space.names(wish))


def write(
    folder: Path,
    wish: Wish,
    model: Formats,
    formats: Sequence[str],
    text: str,
    around: There = ALONE,
) -> Path:
    """Writes the suite, this machine's profile with its devices, and the quality text below
    `folder`; the suite's path. What is there already is kept.

    Raises:
        HaqaError: the folder holds another wish, or cannot be written.
    """
    hardware = cpu().model_copy(update={"devices": around.devices})
    made = _suite(wish, model, hardware.name, formats, around)
    files = {
        f"suites/{NAME}.yaml": json.dumps(made, indent=1) + "\n",  # JSON is YAML
        f"suites/{TEXT_NAME}": text,
        f"hardware/{hardware.name}.yaml": to_yaml(hardware),
    }
    try:
        for name, words in files.items():
            target = folder / name
            if not target.is_file():
                disk.write(target, words)
            elif name.startswith("suites/") and target.read_bytes() != words.encode():
                raise HaqaError(
                    folder, "holds another tuning", "Name another --output, or delete it"
                )
        (folder / "prompts").mkdir(exist_ok=True)
        templates = shipped.files(folder, "prompts/*.j2") if wish.llm else {}
        for name, template in templates.items():
            (folder / name).write_bytes(template.read_bytes())
    except OSError as error:
        raise HaqaError(
            error.filename or folder, error.strerror or str(error), "Name another --output"
        ) from None
    return folder / "suites" / f"{NAME}.yaml"


def tuned(suite: Suite) -> Cell | None:
    """The one cell of a suite that was written for a tuning; None of any other suite."""
    cell = suite.cells[0]
    alone = suite.name == NAME and len(suite.studies()) == 1
    return cell if alone and "format" in cell.space.default else None


def _suite(
    wish: Wish, model: Formats, hardware: str, formats: Sequence[str], around: There
) -> JsonObject:
    divided = division(wish, model, around.share(formats[0]))
    metric, unit, direction = wish.goal
    block = {
        "track": "serve" if wish.serving else "deploy",
        "models": ["model"],
        "bit_widths": ["any"],
        "hardware": [hardware],
        "workload": _workload(wish, divided),
        "space": space.settings(formats, around.placed, wish),
        "objective": {
            "metric": metric,
            "unit": unit,
            "direction": direction,
            "constraints": [limit.constraint.model_dump() for limit in wish.limits],
        },
        "measurement": _measurement(divided),
        "budget": _budget(wish, divided),
    }
    return {
        "name": NAME,
        "title": f"{wish.model} on this machine",
        "models": {"model": _model(wish, model)},
        "methods": [_method(wish)],
        "seeds": [0],
        "cells": [block],
    }


def _model(wish: Wish, model: Formats) -> JsonObject:
    contents = model.contents(OWN)
    about = f"{wish.model}, sha256 {model.sha256[:16]}: {contents.tensor_types}"
    return {
        "gguf": str(model.source.absolute()),  # not resolved: a hub's file is a link
        "architecture": "of the file",
        "parameters": contents.parameters,
        "about": "; ".join([about, *_beside(wish, model)]),
    }


def _beside(wish: Wish, model: Formats) -> list[str]:
    """What else a measurement depends on, so that no other is taken for it when the same command
    goes on: other files, and llama.cpp's build.
    """
    files = {"reference": wish.reference, "draft": wish.draft}
    hashes = {name: gguf_files.identity(Path(file)) for name, file in files.items() if file}
    hashes |= {"imatrix": model.imatrix_sha256} if wish.imatrix else {}
    build = [f"llama-cpp-python {facts.installed_build()}"]
    if wish.serving:
        build.append(llama_programs.version(llama_programs.found(command.NAME)))
    return [*(f"{name} {found[:16]}" for name, found in hashes.items()), *build]


def _method(wish: Wish) -> JsonObject:
    chat = {"chat": {"model": wish.llm}} if wish.llm else {}
    return {"name": wish.method, "optimizer": wish.method, **chat}


def _workload(wish: Wish, divided: Division) -> JsonObject:
    return {
        "n_ctx": wish.n_ctx,
        "repeats": minutes.REPEATS,
        **(_served(wish, wish.serving) if wish.serving else _alone(wish)),
        "quality_windows": divided.windows,
        **({"reference": wish.reference} if wish.reference else {}),
        **({"imatrix": wish.imatrix} if wish.imatrix else {}),
        "timeout_s": 1800.0,
        "memory_gb": wish.limit / 1e9,
    }


def _alone(wish: Wish) -> JsonObject:
    """One sequence, by llama.cpp's library."""
    return {
        "n_prompt": wish.n_prompt,
        "n_generate": wish.n_generate,
        **({"depth": wish.depth} if wish.depth else {}),
        "quality_text": TEXT_NAME,
        "quality_tokens": min(space.WINDOW, wish.n_ctx),
    }


def _served(wish: Wish, serving: Serving) -> JsonObject:
    """Several users, by llama.cpp's server; prompts are cut from the text."""
    return {
        "users": serving.users,
        "prompts": list(serving.prompts),
        "answers": list(serving.answers),
        "requests": serving.requests,
        "slo": {
            "first_token_ms": serving.first_token_ms,
            "between_tokens_ms": serving.between_tokens_ms,
        },
        "text": TEXT_NAME,
        **({"draft": wish.draft} if wish.draft else {}),
    }


def _measurement(divided: Division) -> JsonObject:
    return {
        "processes": divided.processes,
        "pairs": divided.pairs,
        "floor": divided.floor,
        "hopeless": HOPELESS,
    }


def _budget(wish: Wish, divided: Division) -> JsonObject:
    bounds = {"seconds": divided.seconds, "reserve": divided.reserve}
    rounded = {name: round(seconds or 0, 1) for name, seconds in bounds.items()}
    return {"proposals": _proposals(wish)} | {k: v for k, v in rounded.items() if v}


def _proposals(wish: Wish) -> int:
    """How many configurations may be tried: with minutes, a method that does not plan ahead goes on
    until they are over.
    """
    if wish.budget:
        return wish.budget
    until_over = wish.minutes if wish.method in UNPLANNED else None
    return max(PROPOSALS, int(PER_MINUTE * (until_over or 0)))


def quality_text(given: Path | None) -> str:
    """The text that quality is measured on: the file given, or the one that the package brings.

    Raises:
        HaqaError: there is neither, or it is not UTF-8.
    """
    path = given or shipped.found(Path(), TEXT)
    if not path.is_file():
        what = "no text to measure quality on"
        raise HaqaError(path, what, "Name one, of some ten thousand words, with --text")
    return read_text(path)
