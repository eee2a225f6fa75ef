"""`haqa-bench relay`: a person, or another agent, answers a live run's requests by writing
files.
"""

from pathlib import Path

import click

from haqa_bench.cli.command import Command
from haqa_bench.cli.given import FilePath
from haqa_bench.cli.terminal import echo


@click.command(
    cls=Command,
    examples=[
        "haqa-bench relay answers --port 8931",
        "haqa-bench relay answers --apart",
    ],
)
@click.argument("folder", type=FilePath(file_okay=False))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8931,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--apart",
    is_flag=True,
    help="A folder for each study below FOLDER, so that each can have an answerer of its own.",
)
def relay(folder: Path, port: int, apart: bool) -> None:
    """Serve an OpenAI-compatible endpoint whose answers are files that you write into FOLDER.

    Each request becomes NNNN.request.md; write its reply into NNNN.answer.md beside it. Nothing is
    asked twice: start the relay or the run again whenever you like. Stop it with Ctrl-C.
    """
    import threading

    from haqa_bench.llm.relay import Relay

    with Relay(folder, port, announce=echo, apart=apart) as serving:
        try:
            echo(f"The relay over {folder} serves {serving.base_url}. Use it with:")
            echo(f"  haqa-bench run SUITE --agent live --base-url {serving.base_url}")
            echo("Requests, each to be answered in a file NNNN.answer.md beside it (Ctrl-C stops):")
            threading.Event().wait()
        except KeyboardInterrupt:
            echo("stopped; unanswered requests are kept")
