"""Options that say who answers as the LLM, for commands that ask one."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haqa_bench.cli.given import Finite
from haqa_bench.errors import HaqaError

if TYPE_CHECKING:
    from haqa_bench.run.plan import Plan, Programs

OPTIONS = (
    click.option(
        "--chat-model",
        default="openai",
        show_default=True,
        help="Live chat model: openai, for any compatible endpoint, or a plug-in's.",
    ),
    click.option(
        "--base-url",
        help="Endpoint of LLMs whose method names none; OpenAI's own, or OPENAI_BASE_URL, when "
        "left out. The key is read from OPENAI_API_KEY.",
    ),
    click.option(
        "--chat-timeout",
        type=Finite(0.001, 86_400),
        default=120.0,
        show_default=True,
        help="Seconds in which something of an answer of the LLM must arrive; all that a program "
        "may take.",
    ),
    click.option(
        "--chat-deadline",
        type=Finite(0.001, 1e6),
        help="Seconds for a whole call of the LLM, its retries included; 600 when left out, or "
        "what they may take, where that is more.",
    ),
    click.option(
        "--chat-retries",
        type=click.IntRange(0, 1000),
        default=3,
        show_default=True,
        help="How often a failed call is tried again, with growing pauses.",
    ),
    click.option(
        "--chat-command",
        metavar="COMMAND",
        help="A program that answers in place of an endpoint, with its arguments: it reads the "
        "question from its input, or from {question}, and writes the answer to its output, or to "
        "{answer}.",
    ),
    click.option(
        "--chat-question",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How --chat-command is asked: the messages as text, or the request's JSON.",
    ),
    click.option(
        "--chat-env",
        metavar="NAME",
        multiple=True,
        help="Give programs this variable of the environment too, such as a key's. May be given "
        "again.",
    ),
    click.option(
        "--allow-commands",
        is_flag=True,
        help="Run the programs that SUITE names as LLMs (chat: {command: ...}), with your rights.",
    ),
    click.option(
        "--answered-by",
        default="",
        help="Who or what answers, for the cassette's card. Say what is true.",
    ),
)


def asking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def answered(plan: "Plan", suite_path: Path, how: Mapping[str, Any]) -> "Plan":
    """A plan whose LLMs answer as the options, by their names in `how`, say.

    Raises:
        HaqaError: the program cannot be told from its arguments, or an endpoint is named too.
    """
    return plan._replace(
        chat_model=how["chat_model"],
        base_url=how["base_url"],
        chat_timeout_s=how["chat_timeout"],
        chat_retries=how["chat_retries"],
        chat_deadline_s=how["chat_deadline"],
        programs=_programs(suite_path, how),
        answered_by=how["answered_by"],
    )


def _programs(suite_path: Path, how: Mapping[str, Any]) -> "Programs":
    """What is said of programs that answer as LLMs.

    Raises:
        HaqaError: the command cannot be split into words, or an endpoint is named too.
    """
    from haqa_bench.run.plan import Programs

    words = _words("--chat-command", how["chat_command"])
    if words and how["base_url"]:
        what = "either a program or an endpoint answers, and --base-url names one"
        raise HaqaError("--chat-command", what, "Leave one out")
    return Programs(
        command=words,
        question=how["chat_question"],
        passed=how["chat_env"],
        allowed=how["allow_commands"],
        beside=suite_path.resolve().parent,
    )


def _words(option: str, text: str | None) -> tuple[str, ...]:
    """The words of a command that an option names, as a shell would split them; none without it.

    Raises:
        HaqaError: a quotation does not end, or there is no word.
    """
    if text is None:
        return ()
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise HaqaError(option, f"{text}: {error}", "Close it") from None
    if not words or not words[0] or "\0" in text:
        raise HaqaError(option, "names no program", "Give one with its arguments")
    return words
