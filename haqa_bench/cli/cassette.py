"""haqa-bench cassette."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haqa_bench.cli.command import Group
from haqa_bench.cli.given import MOST, FilePath
from haqa_bench.cli.options import JSON, PROJECT
from haqa_bench.cli.terminal import echo
from haqa_bench.documents import JsonObject
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.llm.cassette import Cassette

FILES = click.argument("paths", metavar="[CASSETTE]...", nargs=-1, type=FilePath())


@click.group(
    cls=Group,
    examples=[
        "haqa-bench cassette list",
        "haqa-bench cassette check",
    ],
)
def cassette() -> None:
    """List, show and check recorded LLM exchanges."""


@cassette.command(
    "list",
    examples=[
        "haqa-bench cassette list",
        "haqa-bench cassette list --json",
    ],
)
@FILES
@PROJECT
@JSON
def list_(paths: tuple[Path, ...], project: Path | None, as_json: bool) -> None:
    """List cassettes, those below cassettes/ when none is named: exchanges, date, who answered."""
    from haqa_bench.llm.cassette import read

    found = [(path, read(path)) for path in _files(paths, project)]
    if as_json:
        rows = [
            {"path": str(p), "exchanges": len(c.exchanges), "failures": c.failures, "card": c.card}
            for p, c in found
        ]
        echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for path, c in found:
        echo(
            f"{path}  {len(c.exchanges)} exchanges, {c.failures} failures  "
            f"{c.card['recorded']}  {c.card['answered_by']}"
        )


@cassette.command(
    examples=[
        "haqa-bench cassette show cassettes/llama/smollm2-135m-int4-epyc-zen4-2core/haqa-s0.jsonl",
    ],
)
@click.argument("path", metavar="CASSETTE", type=FilePath())
@click.option(
    "--round",
    "number",
    type=click.IntRange(0, MOST),
    help="Only this round, with its whole request.",
)
@JSON
def show(path: Path, number: int | None, as_json: bool) -> None:
    """Show CASSETTE: its card, then each round's reply; with --json, all of each exchange."""
    from haqa_bench.llm.cassette import read

    tape = read(path)
    if as_json:
        echo(json.dumps(_exchanges(tape, number), indent=2, ensure_ascii=False))
        return
    echo(json.dumps(tape.card, indent=2, ensure_ascii=False))
    for exchange in tape.exchanges:
        if number in (None, exchange.position.round):
            place, reply = exchange.position, exchange.reply
            echo(
                f"\n== {exchange.section and f'{exchange.section}, '}round {place.round}, "
                f"attempt {place.attempt}: {reply.model}, "
                f"{reply.latency_s:.1f} s"
            )
            for message in exchange.body["messages"] if number else ():
                echo(f"[{message['role']}]\n{message['content']}\n")
            echo(reply.content)


@cassette.command(
    examples=[
        "haqa-bench cassette check",
        "haqa-bench cassette check cassettes/llama/smollm2-135m-int4-epyc-zen4-2core/haqa-s0.jsonl",
    ],
)
@FILES
@PROJECT
@JSON
def check(paths: tuple[Path, ...], project: Path | None, as_json: bool) -> None:
    """Check cassettes, those below cassettes/ when none is named: whole, each request what its key
    was made from, in its study's place.
    """
    from haqa_bench.run.soundness import check_cassette

    files = _files(paths, project)
    for path in files:
        check_cassette(path)
        if not as_json:
            echo(f"{path}: whole")
    if as_json:
        echo(json.dumps([{"path": str(path), "whole": True} for path in files], indent=2))


def _exchanges(tape: "Cassette", number: int | None) -> JsonObject:
    """A cassette's card and exchanges, or those of one round."""
    exchanges = [
        {
            "round": one.position.round,
            "attempt": one.position.attempt,
            "request": one.body,
            "reply": one.reply.model_dump(mode="json"),
        }
        for one in tape.exchanges
        if number in (None, one.position.round)
    ]
    return {"card": tape.card, "exchanges": exchanges}


def _files(paths: tuple[Path, ...], project: Path | None) -> list[Path]:
    from haqa_bench.project import project_above

    if paths:
        return list(paths)
    here = Path.cwd()
    found = project_above(here, project).files("cassettes/**/*.jsonl").values()
    if not found:
        todo = "Name one, or call from the project's folder"
        raise HaqaError("cassettes", "no cassettes here", todo)
    return [path.relative_to(here) if path.is_relative_to(here) else path for path in found]
