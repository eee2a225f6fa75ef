"""The serve track: what users get who ask llama.cpp's own server at once.

What is tuned is how the server is run: how many requests it works on at once, how their caches lie,
what guesses tokens ahead, and all that the deploy track tunes. What counts is goodput: requests a
second whose user did not have to wait longer than the workload's `slo` says, for the first token
and from one token to the next.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from haqa_bench.cell import Block, Cell, Model
from haqa_bench.hardware import Hardware
from haqa_bench.protocols import LiveEvaluator, Metric
from haqa_bench.tracks import Rule, Track
from haqa_bench.tracks.deploy.settings import (
    check_made,
    check_random,
    check_words,
    lacking_file,
    lacking_settings,
)
from haqa_bench.tracks.deploy.track import DEPLOY
from haqa_bench.tracks.metrics import KEPT_QUALITY, OTHERS_SHARE, PEAK_MEMORY, SWITCHES, by_name
from haqa_bench.tracks.serve.settings import SETTINGS, TEXT, check_speculation
from haqa_bench.tracks.serve.workload import ServeWorkload
from haqa_bench.tracks.texts import beside

METRICS = by_name(
    Metric(
        "goodput_per_s",
        "1/s",
        "maximize",
        "requests a second that kept both limits of the slo: on the time until the first token, "
        "and on the mean time between tokens",
        3,
        prompted=True,
    ),
    Metric("within_slo", "1", "maximize", "share of all requests that kept them", 3, prompted=True),
    Metric(
        "answer_tokens_per_s",
        "tokens/s",
        "maximize",
        "tokens of all users' answers, over the time until the last has its answer",
        prompted=True,
    ),
    Metric("first_token_ms_p50", "ms", "minimize", "until a user's first token, in the median"),
    Metric(
        "first_token_ms_p95",
        "ms",
        "minimize",
        "until a user's first token, the wait for a slot included: 95 of 100 requests are quicker",
        prompted=True,
    ),
    Metric("between_tokens_ms_p50", "ms", "minimize", "from a token to the next, in the median", 2),
    Metric(
        "between_tokens_ms_p95",
        "ms",
        "minimize",
        "from a token to the next: 95 of 100 come quicker",
        2,
        prompted=True,
    ),
    Metric(
        "request_between_tokens_ms_p95",
        "ms",
        "minimize",
        "mean time between a request's tokens, as the slo bounds it: 95 of 100 requests have less",
        2,
    ),
    Metric("request_s_p95", "s", "minimize", "of a whole request: 95 of 100 are quicker", 2),
    Metric("drafted_accepted", "1", "maximize", "share of guessed tokens that were right", 3),
    Metric("perplexity", "1", "minimize", "of the text that prompts are cut from", 3),
    *KEPT_QUALITY,
    PEAK_MEMORY,
    Metric(
        "bits_per_weight",
        "bits",
        "maximize",
        "of the file, block scales included: the more, the nearer to the weights as they were",
        2,
    ),
    Metric(
        "llama_prompt_ms_p50", "ms", "minimize", "from slot to first token, as llama.cpp counts"
    ),
    Metric("llama_between_tokens_ms_p50", "ms", "minimize", "as llama.cpp counts", 2),
    OTHERS_SHARE,
    SWITCHES,
)
OF_ONE = ("type_k", "type_v")
"""Settings whose rules are those of a short cache, and so of one user."""


class ServeTrack(Track[ServeWorkload]):
    """See Track."""

    name = "serve"
    tuned = "llama.cpp's server: format and settings"
    extras = ("deploy",)
    title = "Best goodput of llama.cpp's server found, against its default"
    workload = ServeWorkload
    metrics = METRICS

    def check(self, block: Block[ServeWorkload], name: str, model: Model) -> None:
        """See Track."""
        lacking_file(name, model)
        lacking_settings(block.space)
        check_words(block.space)
        check_made(block.space, block.workload.imatrix)
        check_speculation(block.space, block.workload.draft)
        if model.synthetic:
            check_random(block, name)

    def settings(self, workload: ServeWorkload) -> Collection[str]:
        """See Track."""
        return SETTINGS

    def suffix(self, workload: ServeWorkload) -> str:
        """See Track: loads of fewer or more users are other cells of the same model."""
        return f"{self.name}-{workload.users}"

    def texts(self, workload: ServeWorkload, suite_folder: Path) -> Mapping[str, str]:
        """See Track."""
        if not workload.text:
            return {}
        return {TEXT: beside(workload.text, suite_folder, "the text that prompts are cut from")}

    def evaluator(self, cell: Cell[ServeWorkload]) -> LiveEvaluator:
        """See Track."""
        from haqa_bench.tracks.serve.evaluator import ServeEvaluator

        return ServeEvaluator(cell)

    def limits(self, workload: ServeWorkload) -> str:
        """See Track."""
        return f"at most {workload.timeout_s:g} s and {workload.memory_gb:g} GB each"

    def words(self, cell: Cell[ServeWorkload]) -> Mapping[str, object]:
        """See Track."""
        return {"about": _told(cell.workload)}

    def rules(self, hardware: Hardware) -> Iterator[Rule]:
        """See Track: those of one user, but for what they say of a short cache."""
        return (rule for rule in DEPLOY.rules(hardware) if rule.parameter not in OF_ONE)

    def priors(self, cell: Cell[ServeWorkload]) -> Iterator[Rule]:
        """See Track."""
        yield Rule("parallel", cell.workload.users, "a slot for each user: nobody waits for one")
        yield from self.rules(cell.hardware)


def _told(work: ServeWorkload) -> str:
    """What is run, in words."""
    prompts, answers = (" or ".join(map(str, sorted({*of}))) for of in (work.prompts, work.answers))
    times = f", {work.requests} times one after the other" if work.requests > 1 else ""
    return (
        f"llama.cpp's server (llama-server) answers {work.users} users at once, who each ask"
        f"{times}: prompts of {prompts} tokens, answers of {answers}; a request is within its slo "
        f"where the first token comes within {work.slo.first_token_ms:g} ms, and the others, on "
        f"average, every {work.slo.between_tokens_ms:g} ms"
    )


SERVE = ServeTrack()
