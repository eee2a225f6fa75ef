"""haqa-bench cassette."""

import json
from pathlib import Path

import click

from haqa_bench.cli.given import MOST, FilePath
from haqa_bench.cli.options import JSON
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import HaqaError

FILES = click.argument("paths", metavar="[CASSETTE]...", nargs=-1, type=FilePath())


@click.group()
def cassette() -> None:
    """List, show and check recorded LLM exchanges."""


@cassette.command("list")
@FILES
@JSON
def list_(paths: tuple[Path, ...], as_json: bool) -> None:
    """List cassettes, those below cassettes/ when none is named: exchanges, date, who answered."""
    from haqa_bench.llm.cassette import read

    found = [(path, read(path)) for path in _files(paths)]
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


@cassette.command()
@click.argument("path", metavar="CASSETTE", type=FilePath())
@click.option(
    "--round",
    "number",
    type=click.IntRange(0, MOST),
    help="Only this round, with its whole request.",
)
def show(path: Path, number: int | None) -> None:
    """Show CASSETTE: its card, then each round's reply."""
    from haqa_bench.llm.cassette import read

    tape = read(path)
    echo(json.dumps(tape.card, indent=2, ensure_ascii=False))
    for exchange in tape.exchanges:
        if number in (None, exchange.position.round):
            place, reply = exchange.position, exchange.reply
            echo(
                f"\n== round {place.round}, attempt {place.attempt}: {reply.model}, "
                f"{reply.latency_s:.1f} s"
            )
            for message in exchange.body["messages"] if number else ():
                echo(f"[{message['role']}]\n{message['content']}\n")
            echo(reply.content)


@cassette.command()
@FILES
def check(paths: tuple[Path, ...]) -> None:
    """Check cassettes, those below cassettes/ when none is named: whole, each request what its key
    was made from, in its study's place.
    """
    from haqa_bench.run.soundness import check_cassette

    for path in _files(paths):
        check_cassette(path)
        echo(f"{path}: whole")


def _files(paths: tuple[Path, ...]) -> list[Path]:
    from haqa_bench.project import project_above

    if paths:
        return list(paths)
    here = Path.cwd()
    found = project_above(here).files("cassettes/**/*.jsonl").values()
    if not found:
        todo = "Name one, or call from the project's folder"
        raise HaqaError("cassettes", "no cassettes here", todo)
    return [path.relative_to(here) if path.is_relative_to(here) else path for path in found]
