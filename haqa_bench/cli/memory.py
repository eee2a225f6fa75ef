"""haqa-bench memory."""

import json
from typing import TYPE_CHECKING, Any

import click

from haqa_bench.cli.options import JSON
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.memory import CACHE_TYPES, bytes_of

if TYPE_CHECKING:
    from haqa_bench.memory import Prediction

FORMATS = "F16,Q8_0,Q4_K_M,Q4_0"
CACHES = click.Choice(list(CACHE_TYPES))


@click.command()
@click.argument("model")
@click.option("--formats", default=FORMATS, show_default=True, help="llama.cpp's formats to look at.")
@click.option("--n-ctx", type=click.IntRange(64), default=4096, show_default=True, help="Tokens of the context.")
@click.option("--n-ubatch", type=click.IntRange(1), default=512, show_default=True, help="Prompt tokens computed at once.")
@click.option("--type-k", type=CACHES, default="f16", show_default=True, help="Number format of the cache's keys.")
@click.option("--type-v", type=CACHES, default="f16", show_default=True, help="Number format of the cache's values.")
@click.option("--flash-attn", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True, help="Fused attention kernel.")
@click.option("--mmap/--no-mmap", default=True, show_default=True, help="Map the file; a CPU then may hold a copy of weights beside it.")
@click.option("--limit", help="What there is, such as 12GB or 12GiB: says what fits, and ends with exit code 1 where nothing does.")
@click.option("--measure", is_flag=True, help="Run the model over a whole context too, and print the peak beside.")
@JSON
def memory(model: str, formats: str, n_ctx: int, limit: str | None, measure: bool, as_json: bool, **settings: Any) -> None:
    """What MODEL takes while llama.cpp runs it, in several formats, without loading it.

    MODEL is a GGUF file, package:NAME or hub:OWNER/REPO/FILE; or, without any weights, transformers' config.json of a LLaMA-architecture
    model, or its folder.
    """
    from haqa_bench.backends import gguf_models
    from haqa_bench.backends import llama_cpp_memory as llama
    from haqa_bench.evaluators.deploy import DEFAULTS

    gguf_models.require_llama_cpp()
    room = bytes_of(limit) if limit else None
    names = [name.strip() for name in formats.split(",")]
    chosen = {**DEFAULTS, **settings, "n_threads": 1, "n_threads_batch": 1}
    try:
        with llama.file_of(model) as path:
            if measure and llama.is_hollow(path):
                raise HaqaError(model, "holds no weights: there is nothing to measure", "Leave --measure out, or give its GGUF file")
            found = llama.predict(path, names, chosen, n_ctx)
            made = gguf_models.Formats(path) if measure else None
            peaks = {name: llama.peak(made.path(name), chosen, n_ctx) for name in names} if made else {}
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None
    rows = [_row(name, one.memory, room, peaks.get(name)) for name, one in found.items()]
    click.echo(json.dumps({"model": model, "n_ctx": n_ctx, "formats": rows}) if as_json else _table(rows, room, measure))
    if room and not any(row["fits"] for row in rows):
        raise SystemExit(1)


def _row(name: str, prediction: "Prediction", room: int | None, peak: int | None) -> dict[str, Any]:
    row: dict[str, Any] = {"format": name, "source": "simulated", **prediction._asdict(), "peak": prediction.peak, "safe": prediction.safe}
    if peak:
        row |= {"measured_peak": peak, "off": prediction.peak / peak - 1}
    return row | ({"fits": prediction.fits(room)} if room else {})


def _table(rows: list[dict[str, Any]], room: int | None, measure: bool) -> str:
    from haqa_bench.report.formats import markdown
    from haqa_bench.report.table import Table

    names = ("weights", "repacked", "cache", "compute", "output", "work", "runtime", "peak", "safe")
    head = ["Format", *(f"{name[0].upper()}{name[1:]}, MB" for name in names)]
    head += ["Measured peak, MB", "Off"] if measure else []
    head += [f"Fits {room / 1e6:,.0f} MB"] if room else []
    lines = []
    for row in rows:
        line = [row["format"], *(f"{row[name] / 1e6:,.1f}" for name in names)]
        line += [f"{row['measured_peak'] / 1e6:,.1f}", f"{100 * row['off']:+.1f} %"] if measure else []
        lines.append(line + (["yes" if row["fits"] else "no"] if room else []))
    note = "Simulated: llama.cpp plans its buffers without allocating them. Safe: the peak and a margin of 5 % (docs/memory.md)."
    return markdown(Table("Memory of one process", head, lines, [note])).rstrip()
