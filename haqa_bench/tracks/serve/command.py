"""How llama-server is started with the settings of a configuration."""

import shlex
from collections.abc import Sequence

from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.tracks.deploy.llama_tools import apart, more, options
from haqa_bench.tracks.serve.jobs import ServerSettings
from haqa_bench.tracks.serve.settings import DRAFTED

NAME = "llama-server"
HOST = "127.0.0.1"
LONGEST = {
    DRAFTED: "--spec-draft-n-max",
    "ngram-simple": "--spec-ngram-simple-size-m",
    "ngram-map-k": "--spec-ngram-map-k-size-m",
    "ngram-mod": "--spec-ngram-mod-n-max",
}
"""How llama-server calls draft_max, by speculation: ngram-cache has none."""
SHORTEST = {DRAFTED: "--spec-draft-n-min", "ngram-mod": "--spec-ngram-mod-n-min"}
"""The same of draft_min."""
OWN_LONGEST = {
    DRAFTED: 3,
    "ngram-simple": 48,
    "ngram-map-k": 48,
    "ngram-mod": 64,
    "ngram-cache": 8,
}
"""Tokens that llama-server guesses at once at most, where it is not told (common/common.h)."""


def total_context(n_ctx: int, users: int, server: ServerSettings) -> int:
    """Tokens that the whole cache needs room for, where each user who is answered has `n_ctx`:
    slots that share a cache need room for those users alone, others have theirs, used or not.
    """
    return n_ctx * (min(users, server.parallel) if server.kv_unified else server.parallel)


def guessed(server: ServerSettings) -> int:
    """Tokens that are guessed at once at most."""
    return server.draft_max or OWN_LONGEST.get(server.speculation, 0)


def command(
    program: str,
    model: str,
    settings: Settings,
    server: ServerSettings,
    n_ctx_total: int,
    draft: str = "",
) -> list[str]:
    """The words that llama-server is started with."""
    return [
        program,
        "-m",
        model,
        *more(settings, n_ctx_total),
        *options(settings),
        *apart(settings),
        "-np",
        str(server.parallel),
        "-kvu" if server.kv_unified else "-no-kvu",
        "-cb" if server.cont_batching else "-nocb",
        *_guessing(server, draft, settings),
    ]


def check(server: ServerSettings) -> None:
    """Refuses a setting of guessing where nothing is guessed: the server is started as without it.

    Raises:
        EvaluationFailed: `setting_ignored`.
    """
    if server.speculation == "none" and server.draft_max:
        reason = f"draft_max {server.draft_max} does nothing without speculation"
        raise EvaluationFailed(Status.SETTING_IGNORED, reason)


def measured(port: int) -> list[str]:
    """What is added where it is measured: it listens on a port of its own, and the prompts that it
    else keeps in memory for later are switched off, since none comes twice.
    """
    return ["-cram", "0", "--host", HOST, "--port", str(port)]


def shown(
    model: str,
    settings: Settings,
    server: ServerSettings,
    n_ctx_total: int,
    draft: str = "",
    beside: Sequence[str] = (),
) -> str:
    """The words as a line for people to copy, with some `beside` them."""
    words = command(NAME, model, settings, server, n_ctx_total, draft)
    return shlex.join([*words, *beside])


def _guessing(server: ServerSettings, draft: str, settings: Settings) -> list[str]:
    """What says which tokens are guessed. A draft model lies on the CPU where the model does."""
    kind = server.speculation
    if kind == "none":
        return []
    words = ["--spec-type", kind]
    if server.draft_max and kind in LONGEST:
        words += [LONGEST[kind], str(server.draft_max)]
    if (server.draft_max or server.draft_min) and kind in SHORTEST:
        words += [SHORTEST[kind], str(server.draft_min)]
    if kind == DRAFTED:
        words += ["-md", draft, "--spec-draft-p-min", f"{server.draft_p_min:g}"]
        words += [] if settings.n_gpu_layers else ["-ngld", "0", "-devd", "none"]
    return words
