"""What a tuning tells at its end: a report for scripts, the same in words for people, and a
Modelfile.
"""

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from haqa_bench import disk
from haqa_bench.arithmetic.formats import form_of
from haqa_bench.backends import gguf_models
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.project import Run, open_run
from haqa_bench.report.formats.terminal import terminal, width
from haqa_bench.report.tables.short import short
from haqa_bench.store import facts
from haqa_bench.tune import failed, other_programs, shown, written
from haqa_bench.tune.recommendation import Recommendation, of_run
from haqa_bench.tune.space import Options
from haqa_bench.tune.start import Start, start_of
from haqa_bench.tune.trade import Line, front
from haqa_bench.tune.why import why
from haqa_bench.tune.wish import Wish

OLLAMA_LONGEST = 80
"""Characters of a model's name."""


class Ended(NamedTuple):
    """What a run of a tuning found: the recommendation, the trade, why, and what failed."""

    recommended: Recommendation
    lines: list[Line]
    reasons: list[str]
    failed: str


def told(
    wish: Wish, path: Path, run: Path, cell: Cell, found: Options, target: Path
) -> tuple[JsonObject, str]:
    """The report, which recommendation.json in `target` holds too, and what is printed."""
    with open_run(run) as done:
        ended = _ended(done, cell, wish)
    start = start_of(wish, path, ended.recommended.configuration)
    one = other_programs.whole(start.file, target)
    made = other_programs.merged(start.file, target)
    start = start._replace(commands={**start.commands, **made})
    report = _report(wish, path, run, cell, found, ended, start, one)
    disk.write(target / "Modelfile", other_programs.modelfile(one, start.settings, wish.n_ctx))
    disk.write(target / written.NAME, json.dumps(report, indent=2) + "\n")
    limits = ",".join(limit.words for limit in wish.limits)
    table = shown.table(ended.lines, cell, ended.recommended, limits)
    return report, _words(report, terminal(short(table, width())), target)


def _ended(run: Run, cell: Cell, wish: Wish) -> Ended:
    found = of_run(run, cell)
    lines = front(run, cell, wish.limits, found.configuration)
    return Ended(found, lines, why(run, cell, found, wish.limits), failed.told(run))


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
    ended: Ended,
    start: Start,
    one: Path,
) -> JsonObject:
    """`one` is the file that Ollama and LM Studio take."""
    formats, told = _formats(wish, path), ended.recommended
    name = str(told.configuration["format"])
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
            "pairs_failed": list(told.failed),
            "noise_floor": told.noise_floor,
        },
        "why": ended.reasons,
        "failed": ended.failed,
        "front": [_line(line, cell) for line in ended.lines],
        "min_quality": [limit.words for limit in wish.limits],
        "format": _made(formats, name),
        "memory": {
            "source": "simulated",
            **start.taken,
            "limit_mb": wish.limit / 1e6,
        },
        "left_out": dict(found.left_out),
        "commands": {
            **start.commands,
            written.OLLAMA: other_programs.ollama(slug(path), start.settings, start.server),
            written.LM_STUDIO: other_programs.lm_studio(one, start.settings, wish.n_ctx),
        },
        "untold_to_ollama": other_programs.untold(start.settings, start.server),
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
        "peak_device_memory_mb": line.device_memory_mb,
        **line.quality,
        "default": line.is_default,
        "recommended": line.is_chosen,
        "allowed_by": line.option,
    }


def slug(path: Path) -> str:
    """A name that Ollama takes: ASCII, with a letter or digit first, and not too long."""
    name = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower())
    return name.strip("._-")[:OLLAMA_LONGEST] or "model"


def _words(report: JsonObject, table: str, target: Path) -> str:
    found, commands = written.of_report(report), report["commands"]
    serve, create = commands[written.OLLAMA]
    lines = [
        f"**{report['model']}**: {found.verdict}.",
        *report["why"],
        *filter(None, [report["failed"]]),
        "",
        f"Settings: {found.settings_told}.",
        f"File: {found.file_told}.",
        f"Memory: {found.memory_told}",
        "",
        table,
        *(commands[name] for name in commands if name not in (written.OLLAMA, written.LM_STUDIO)),
        f"Ollama: {serve}",
        f"In another terminal, in {target}: {create}",
        *filter(None, [found.untold]),
        f"LM Studio: {commands[written.LM_STUDIO]}",
        "",
        f"Written to {target}: {written.NAME}, Modelfile, suites/tune.yaml, results/.",
        f"All of it as a page, with the search round by round: {_view(report['run'])}",
    ]
    return "\n".join(lines)


def _view(run: str) -> str:
    return shlex.join(["haqa-bench", "view", run])
