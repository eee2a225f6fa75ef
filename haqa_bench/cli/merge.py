"""haqa-bench merge."""

import json
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from haqa_bench.cli import completion
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import SEED, FilePath
from haqa_bench.cli.options import DATA, JSON, PROJECT, SUITE, chosen, open_suite
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import parse_json
from haqa_bench.errors import EvaluationFailed, HaqaError

if TYPE_CHECKING:
    from haqa_bench.cell import Cell
    from haqa_bench.space import Configuration


@click.command(
    cls=Command,
    examples=[
        "haqa-bench merge llama --cell '*int4*qlora' --output model.gguf",
    ],
)
@SUITE
@click.option(
    "--cell",
    "cell_id",
    shell_complete=completion.cells,
    required=True,
    help="A cell of the qlora track; * and ? match.",
)
@click.option(
    "--configuration",
    help="What to train with, as JSON; when left out, the best that was measured of the cell.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the training.")
@click.option(
    "--output",
    type=FilePath(dir_okay=False, suffixes=(".gguf",)),
    required=True,
    help="The GGUF file to write, in float32.",
)
@DATA
@PROJECT
@JSON
def merge(
    suite_path: Path,
    cell_id: str,
    configuration: str | None,
    seed: int,
    output: Path,
    project: Path | None,
    as_json: bool,
) -> None:
    """Train a cell of SUITE once, merge the adapter into the model, and write it as a GGUF file
    that the deploy track measures.
    """
    from haqa_bench.backends.gguf_models import require_llama_cpp
    from haqa_bench.tracks.qlora.evaluator import QloraEvaluator
    from haqa_bench.tracks.qlora.track import is_qlora

    suite, folder = open_suite(suite_path, project)
    cell = chosen(suite, cell_id, None)[0].cell
    if not is_qlora(cell):
        raise HaqaError(
            "--cell",
            f"{cell.id} is of the track {cell.track}: it trains no adapter",
            "Choose a cell of the qlora track",
        )
    if not output.resolve().parent.is_dir():
        raise HaqaError(
            output, "no such folder to write it in", "Make it, or name another --output"
        )
    require_llama_cpp()
    settings = _given(cell, configuration) if configuration else _best(cell, folder)
    try:
        partial = output.with_suffix(".partial")
        found = QloraEvaluator(cell).exported(settings, seed, partial)
        partial.replace(output)
    except EvaluationFailed as failure:
        raise HaqaError(
            cell.id, f"{failure.status}: {failure.reason}", "Train it with another --configuration"
        ) from None
    facts = {
        "written": str(output),
        "configuration": dict(settings),
        "prompts": found.prompts,
        "same": found.same,
    }
    facts["tokens_agreeing"] = round(fmean(found.tokens), 4)
    if as_json:
        echo(json.dumps(facts))
    else:
        echo(f"{output}: trained with {json.dumps(dict(settings))}, seed {seed}.")
        echo(
            "Greedy answers of transformers and of llama.cpp are the same for "
            f"{found.same} of {found.prompts} prompts "
            f"({100 * fmean(found.tokens):.1f} % of their tokens)."
        )


def _given(cell: "Cell", text: str) -> "Configuration":
    found = cell.space.rounded(parse_json("--configuration", text, "Give a JSON object"))
    if not isinstance(found, dict):
        raise HaqaError("--configuration", "is no JSON object", 'Give one, such as {"lora_r": 8}')
    if not cell.space.holds(found):
        raise HaqaError("--configuration", "; ".join(cell.space.problems(found)))
    return found


def _best(cell: "Cell", project: Path) -> "Configuration":
    """Of its response table, or, of a space with ranges, of its recorded trials."""
    from haqa_bench.project import Project
    from haqa_bench.store import tables
    from haqa_bench.tracks.replayed import TableEvaluator

    if not cell.space.finite:
        return _best_tried(cell, project)
    table = tables.read(Project(project).table(cell))
    tables.check(table, cell)
    firsts = (TableEvaluator(table, cell).ranks == 1).nonzero()[0]
    if not len(firsts):
        raise HaqaError(cell.id, "no configuration of its response table counts")
    best: Configuration = json.loads(table.entries.key(int(firsts[0])))
    return best


def _best_tried(cell: "Cell", project: Path) -> "Configuration":
    """Of the recorded trials of a cell whose space has a range."""
    from haqa_bench.project import Project
    from haqa_bench.store import trials
    from haqa_bench.tracks.recorded_trials import tried

    recording = trials.read(Project(project).trials(cell))
    trials.check(recording, cell)
    best = cell.objective.best(tried(recording, cell))
    if best is None or best.configuration is None:
        raise HaqaError(cell.id, "no configuration of its recorded trials counts")
    return best.configuration
