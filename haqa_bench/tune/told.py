"""What a tuning tells at its end: a report for scripts, the same in words for people, and a
Modelfile.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from haqa_bench import disk
from haqa_bench.arithmetic.formats import form_of
from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import gguf_models
from haqa_bench.backends.llama_cpp_memory import plan_for_device, predict
from haqa_bench.backends.llama_jobs import Settings, with_defaults
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.project import open_run
from haqa_bench.report.formats.terminal import terminal
from haqa_bench.report.tables.short import short
from haqa_bench.space import Configuration
from haqa_bench.store import facts
from haqa_bench.tracks.deploy import llama_tools
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.settings import with_defaults as served
from haqa_bench.tune import shown, starting, written
from haqa_bench.tune.recommendation import Recommendation, of_run
from haqa_bench.tune.space import Options
from haqa_bench.tune.trade import Line, front
from haqa_bench.tune.why import why
from haqa_bench.tune.wish import Wish


def told(
    wish: Wish, path: Path, run: Path, cell: Cell, found: Options, target: Path
) -> tuple[JsonObject, str]:
    """The report, which recommendation.json in `target` holds too, and what is printed."""
    with open_run(run) as done:
        recommended = of_run(done, cell)
        lines = front(done, cell, wish.limits, recommended.configuration)
        reasons = why(done, cell, recommended, wish.limits)
    report = _report(wish, path, run, cell, found, recommended, lines, reasons)
    start = _start(wish, path, recommended.configuration)
    disk.write(target / "Modelfile", starting.modelfile(start.file, start.settings, wish.n_ctx))
    disk.write(target / written.NAME, json.dumps(report, indent=2) + "\n")
    limits = ",".join(limit.words for limit in wish.limits)
    table = shown.table(lines, cell, recommended, limits)
    return report, _words(report, terminal(short(table)), target)


class Start(NamedTuple):
    """How a configuration is started: its file, llama.cpp's settings, the tokens that the whole
    cache has room for, and llama.cpp's own command lines.
    """

    file: Path
    settings: Settings
    n_ctx: int
    commands: Mapping[str, str]


def _start(wish: Wish, path: Path, configuration: Configuration) -> Start:
    name = str(configuration["format"])
    file = _formats(wish, path).path(name)
    made = llama_tools.quantize(path, name, wish.imatrix)
    if wish.serving is None:
        settings = with_defaults(configuration)
        commands = llama_tools.commands(file, settings, wish.n_ctx)
        return Start(file, settings, wish.n_ctx, {**made, **commands})
    settings, server = served(configuration)
    n_ctx = command.total_context(wish.n_ctx, wish.serving.users, server)
    line = command.shown(str(file), settings, server, n_ctx, wish.draft)
    return Start(file, settings, n_ctx, {**made, command.NAME: line})


def _formats(wish: Wish, path: Path) -> gguf_models.Formats:
    return gguf_models.Formats(path, imatrix=wish.imatrix)


def _made(formats: gguf_models.Formats, name: str) -> JsonObject:
    """What the file in a format holds, and how it differs from llama.cpp's own format."""
    form = form_of(name)
    recipe = {"tensors": dict(form.tensors)} if form.tensors else {}
    matrix = {"imatrix": formats.imatrix, "imatrix_sha256": formats.imatrix_sha256}
    held = facts.of_file(formats.contents(name))
    return {"name": name, **recipe, **(matrix if form.imatrix else {}), **held}


def _report(
    wish: Wish,
    path: Path,
    run: Path,
    cell: Cell,
    found: Options,
    told: Recommendation,
    lines: list[Line],
    reasons: list[str],
) -> JsonObject:
    formats = _formats(wish, path)
    name = str(told.configuration["format"])
    start = _start(wish, path, told.configuration)
    return {
        "model": wish.model,
        "file": str(start.file),
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
            "pairs_with_0": told.zeros._asdict(),
            "noise_floor": told.noise_floor,
        },
        "why": reasons,
        "front": [_line(line, cell) for line in lines],
        "min_quality": [limit.words for limit in wish.limits],
        "format": _made(formats, name),
        "memory": {
            "source": "simulated",
            **_memory(start.file, start.settings, start.n_ctx),
            "limit_mb": wish.limit / 1e6,
        },
        "left_out": dict(found.left_out),
        "commands": {
            **start.commands,
            written.OLLAMA: starting.ollama(_slug(path), start.settings),
            written.LM_STUDIO: starting.lm_studio(start.file, start.settings, wish.n_ctx),
        },
        "run": str(run),
    }


def _line(line: Line, cell: Cell) -> JsonObject:
    return {
        "name": shown.name_of(line, cell),
        "settings": dict(line.configuration),
        "source": "measured",
        "value": line.value,
        "gain_found": line.gain,
        "peak_memory_mb": line.memory_mb,
        **line.quality,
        "default": line.is_default,
        "recommended": line.is_chosen,
        "allowed_by": line.option,
    }


def _slug(path: Path) -> str:
    """A name that Ollama takes."""
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in path.stem.lower())


def _memory(file: Path, settings: Settings, n_ctx: int) -> JsonObject:
    """What the host has to hold, in MB, and what each device, where there are layers on one."""
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


def _words(report: JsonObject, table: str, target: Path) -> str:
    found, commands = written.of_report(report), report["commands"]
    lines = [
        f"**{report['model']}**: {found.verdict}.",
        *report["why"],
        "",
        f"Settings: {found.settings_told}.",
        f"File: {found.file_told}.",
        f"Memory: {found.memory_told}",
        "",
        table,
        *(commands[name] for name in commands if name not in (written.OLLAMA, written.LM_STUDIO)),
        f"Ollama, in {target}: {'; '.join(commands[written.OLLAMA])}",
        f"LM Studio: {commands[written.LM_STUDIO]}",
        "",
        f"Written to {target}: {written.NAME}, Modelfile, suites/tune.yaml, results/.",
        f"All of it as a page, with the search round by round: haqa-bench view {report['run']}",
    ]
    return "\n".join(lines)
