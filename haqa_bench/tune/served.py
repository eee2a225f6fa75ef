"""What is asked of llama.cpp's own server, as a user says it."""

import re

from haqa_bench.errors import HaqaError
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tune.wish import Serving, Wish

PART = re.compile(r"(ttft|itl)=([0-9]+(?:\.[0-9]+)?)(ms|s)")
FORM = "Say it as ttft=500ms,itl=50ms: the first token, and on the average each further one"
LONGEST = 1_000_000
EVER_MS = 1e9
"""No limit, where only the speed of one user counts."""
ASKED_ALONE = 4
"""Requests of that one user: where tokens are guessed, one text is easier than another."""


def slo(words: str) -> tuple[float, float]:
    """The most that a first token, and each further one, may take, in ms.

    Raises:
        HaqaError: they say something else.
    """
    found: dict[str, float] = {}
    for part in words.replace(" ", "").split(","):
        known = PART.fullmatch(part)
        if not known or float(known[2]) <= 0:
            raise HaqaError("--slo", f"'{part}' is no limit", FORM)
        found[known[1]] = float(known[2]) * (1000 if known[3] == "s" else 1)
    if len(found) < 2:
        raise HaqaError("--slo", f"'{words}' has no {'itl' if 'ttft' in found else 'ttft'}", FORM)
    return found["ttft"], found["itl"]


def lengths(option: str, words: str) -> tuple[int, ...]:
    """Numbers of tokens.

    Raises:
        HaqaError: they are none, or fewer than two tokens.
    """
    parts = [part.strip() for part in words.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdigit() and 2 <= int(part) <= LONGEST):
            todo = "Say lengths in tokens, such as 64,256"
            raise HaqaError(option, f"'{part}' is no length of two tokens or more", todo)
    return tuple(int(part) for part in parts)


def asking(
    wish: Wish,
    users: int,
    asked: tuple[tuple[int, ...], tuple[int, ...]],
    requests: int,
    limits: tuple[float, float],
) -> Wish:
    """The wish with what is asked of the server: by several users, or by one whose tokens are
    guessed.

    Raises:
        HaqaError: guessed tokens are wished for with an objective that is not measured then, or a
        depth is, or what is asked does not fit the context.
    """
    if wish.objective == "serving":
        serving = Serving(users, *asked, requests, *limits)
    else:
        one = (wish.n_prompt,), (wish.n_generate,)
        serving = Serving(1, *one, ASKED_ALONE, EVER_MS, EVER_MS)
    if wish.objective not in ("serving", "total"):
        what = (
            f"an answer of guessed tokens is timed with its prompt: no measure of {wish.objective}"
        )
        raise HaqaError("--speculate", what, "Use --objective total, or leave it out")
    if wish.depth:
        lengths_of = "--prompt-lengths" if wish.objective == "serving" else "--n-prompt"
        what = "what the server holds of a text before is not timed here"
        raise HaqaError("--depth", what, f"Raise {lengths_of} instead")
    longest = max(serving.prompts) + max(serving.answers)
    if longest > wish.n_ctx:
        what = f"{wish.n_ctx} tokens hold no prompt and answer of {longest}"
        raise HaqaError("--n-ctx", what, "Raise it, or shorten them")
    return wish._replace(serving=serving)


def default_context(wish: Wish) -> int:
    """Tokens that the whole cache of the default has room for: of a server, those of all slots."""
    if wish.serving is None:
        return wish.n_ctx
    return command.total_context(wish.n_ctx, wish.serving.users, ServerSettings())
