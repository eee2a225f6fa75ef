"""What users got of a server, in numbers: one of each repeat of the load."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from haqa_bench.tracks.serve.jobs import Answer, Repeat, Served, Timings
from haqa_bench.tracks.serve.workload import Slo

SLACK_SHARE, SLACK_MS = 0.1, 20.0
"""How far our times may be from the server's own in the median: both have to be passed. What lies
between is the way of an event to its user, and a user's thread that waits for a core."""
TOLD = 3
"""Reasons that are told of requests that failed."""


def whole(answers: Sequence[Answer]) -> list[Answer]:
    """Those of requests that were answered with all tokens that they asked for."""
    return [answer for answer in answers if not answer.fault]


def within(answer: Answer, slo: Slo) -> bool:
    """Whether a user puts up with it."""
    return (
        not answer.fault
        and answer.first_ms <= slo.first_token_ms
        and answer.between_ms <= slo.between_tokens_ms
    )


def readings(served: Served, slo: Slo) -> dict[tuple[str, str], list[float]]:
    """By name and unit, a sample of each repeat. A time, or a share of guesses, is of the requests
    that were answered: a repeat without any has none.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for repeat in served.repeats:
        for key, value in _of_repeat(repeat, slo):
            found.setdefault(key, []).append(value)
    return {**found, ("peak_memory_mb", "MB"): [served.peak_bytes / 1e6]}


def _of_repeat(repeat: Repeat, slo: Slo) -> Iterator[tuple[tuple[str, str], float]]:
    answered = whole(repeat.answers)
    good = sum(within(answer, slo) for answer in answered)
    tokens = sum(len(answer.tokens_ms) for answer in answered)
    yield ("goodput_per_s", "1/s"), good / repeat.seconds
    yield ("within_slo", "1"), good / len(repeat.answers)
    yield ("answer_tokens_per_s", "tokens/s"), tokens / repeat.seconds
    if answered:
        yield from _times(answered)
        yield from _of_server([one.timings for one in answered if one.timings])
    yield ("others_share", "1"), repeat.others_share
    yield ("involuntary_switches", "1"), float(repeat.involuntary_switches)


def _times(answered: Sequence[Answer]) -> Iterator[tuple[tuple[str, str], float]]:
    """As users see them: of requests, of the times between tokens, and of each request's mean of
    those, which is what an slo bounds.
    """
    first = [answer.first_ms for answer in answered]
    between = [b - a for answer in answered for a, b in pairwise(answer.tokens_ms)]
    for percent in (50, 95):
        yield (f"first_token_ms_p{percent}", "ms"), _percentile(first, percent)
        yield (f"between_tokens_ms_p{percent}", "ms"), _percentile(between, percent)
    means = [answer.between_ms for answer in answered]
    yield ("request_between_tokens_ms_p95", "ms"), _percentile(means, 95)
    whole_s = [answer.ended_ms / 1000 for answer in answered]
    yield ("request_s_p95", "s"), _percentile(whole_s, 95)


def _of_server(timings: Sequence[Timings]) -> Iterator[tuple[tuple[str, str], float]]:
    """As llama-server counts them: it begins when a slot takes a request."""
    prompts = [one.prompt_ms for one in timings]
    between = [one.predicted_ms / (one.predicted_n - 1) for one in timings]
    yield ("llama_prompt_ms_p50", "ms"), _percentile(prompts, 50)
    yield ("llama_between_tokens_ms_p50", "ms"), _percentile(between, 50)
    if drafted := sum(one.draft_n for one in timings):
        accepted = sum(one.draft_accepted for one in timings)
        yield ("drafted_accepted", "1"), accepted / drafted


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def facts(served: Served) -> Mapping[str, str]:
    """What is to be known beside the numbers."""
    answers = [answer for repeat in served.repeats for answer in repeat.answers]
    told = {
        "ready_s": f"{served.ready_s:.2f}",
        "slots": str(served.slots),
        "n_ctx_slot": str(served.n_ctx_slot),
        "clock_disagrees": disagreement(whole(answers)),
        "failed_requests": _failed(answers),
        "text_rounds": "" if served.text_rounds is None else f"{served.text_rounds:.2f}",
    }
    return {name: said for name, said in told.items() if said}


def _failed(answers: Sequence[Answer]) -> str:
    """How many requests were not answered, and why, in words; nothing where all were."""
    faults = [answer.fault for answer in answers if answer.fault]
    reasons = "; ".join([*dict.fromkeys(faults)][:TOLD])
    return f"{len(faults)} of {len(answers)}: {reasons}" if faults else ""


def disagreement(answered: Sequence[Answer]) -> str:
    """Where our clock and llama-server's own are further apart than can be, in words; nothing where
    they agree.

    From the first token to the last, both count the same. Until the first, ours counts more, since
    a request may wait for a slot: less it cannot be.
    """
    rest = _apart(answered, lambda ours, told: (ours.rest_ms, told.predicted_ms))
    first = _apart(answered, lambda ours, told: (ours.first_ms, told.prompt_ms))
    found = []
    if rest and _beyond(abs(rest.apart_ms), rest.told_ms):
        found.append(f"first to last token {rest.words}")
    if first and _beyond(-first.apart_ms, first.told_ms):
        found.append(f"until the first token {first.words}")
    return "; ".join(found)


class _Apart:
    """Medians over requests: ours less the server's, and the server's own, in ms."""

    def __init__(self, pairs: Sequence[tuple[float, float]]) -> None:
        self.apart_ms = _percentile([ours - told for ours, told in pairs], 50)
        self.told_ms = _percentile([told for _, told in pairs], 50)

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.apart_ms:+.1f} ms beside llama-server's {self.told_ms:.1f} ms"


def _apart(
    answered: Sequence[Answer], take: Callable[[Answer, Timings], tuple[float, float]]
) -> _Apart | None:
    pairs = [take(answer, answer.timings) for answer in answered if answer.timings]
    return _Apart(pairs) if pairs else None


def _beyond(apart_ms: float, told_ms: float) -> bool:
    return apart_ms > SLACK_MS and apart_ms > SLACK_SHARE * told_ms
