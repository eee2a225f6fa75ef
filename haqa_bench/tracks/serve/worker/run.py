"""Loads llama-server, in a process of its own: `python -m haqa_bench.tracks.serve.worker.run <
job.json > result.json`.
"""

import time
from collections.abc import Sequence
from itertools import chain

from haqa_bench.backends.llama_placed import fewer_said
from haqa_bench.backends.process import NO_MEMORY, last_line
from haqa_bench.backends.workers.frame import Refused, work
from haqa_bench.backends.workers.load import cpu_times, others_share
from haqa_bench.errors import Status
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.jobs import Asked, Load, Repeat, Served
from haqa_bench.tracks.serve.worker import users
from haqa_bench.tracks.serve.worker.answers import answer_of
from haqa_bench.tracks.serve.worker.prompts import Prompts, cut, made_up
from haqa_bench.tracks.serve.worker.server import Server, free_port, started

WARM = 8
"""Tokens of an answer that warms up, at most."""
DYING_S = 0.5
"""How long a server is waited for that may be why a request was cut off."""


def load(job: Load) -> Served:
    """Starts the server, warms it up, lets users ask it `repeats` times, and ends it."""
    port, begin = free_port(), time.perf_counter()
    with started([*_words(job), *command.measured(port)], port) as server:
        server.wait_ready(job.patience_s)
        ready_s = time.perf_counter() - begin
        if fewer := fewer_said(server.said_first(), job.settings.n_gpu_layers):
            raise Refused(fewer, Status.FEWER_LAYERS)
        longest = max(one.prompt for one in chain(*job.users))
        prompts = cut(server, job.text, longest) if job.text else made_up(server)
        loads = [_requests(prompts, job.users) for _ in range(job.repeats)]
        users.load(port, _warming(prompts, job))
        repeats = tuple(_repeat(server, job.users, one) for one in loads)
        _check(server, repeats)
        told = server.ask("GET", "/props")
        return Served(
            repeats=repeats,
            peak_bytes=server.look().peak_bytes,
            ready_s=ready_s,
            slots=int(told["total_slots"]),
            n_ctx_slot=int(told["default_generation_settings"]["n_ctx"]),
            text_rounds=prompts.rounds if job.text else None,
        )


def _words(job: Load) -> list[str]:
    settings = job.settings, job.server
    return command.command(job.program, job.model, *settings, job.n_ctx, job.draft)


def _requests(prompts: Prompts, asked: Sequence[Sequence[Asked]]) -> list[list[bytes]]:
    """The bytes that each user sends."""
    return [[users.request(prompts.take(one.prompt), one.answer) for one in of] for of in asked]


def _warming(prompts: Prompts, job: Load) -> list[list[bytes]]:
    """A request for each slot, which counts for nothing."""
    every = [*chain(*job.users)]
    slots = (every[place % len(every)] for place in range(job.server.parallel))
    return _requests(prompts, [[Asked(one.prompt, min(one.answer, WARM))] for one in slots])


def _repeat(
    server: Server, asked: Sequence[Sequence[Asked]], requests: Sequence[Sequence[bytes]]
) -> Repeat:
    """The whole load, once."""
    machine, own, before = *cpu_times(), server.look()
    heard = users.load(server.port, requests)
    machine_then, own_then, after = *cpu_times(), server.look()
    busy = (machine, own + before.cpu_s), (machine_then, own_then + after.cpu_s)
    pairs = zip(chain(*heard.heard), chain(*asked), strict=True)
    answers = tuple(answer_of(one, lengths) for one, lengths in pairs)
    if any(one.fault for one in answers):
        server.check_alive(DYING_S)
    return Repeat(
        answers=answers,
        seconds=heard.seconds,
        others_share=others_share(*busy, heard.seconds),
        involuntary_switches=max(0, after.involuntary_switches - before.involuntary_switches),
    )


def _check(server: Server, repeats: Sequence[Repeat]) -> None:
    """Raises Refused where no request at all was answered: why, and the server's last words."""
    faults = [one.fault for one in chain(*(repeat.answers for repeat in repeats))]
    if all(faults):
        said = server.said()
        status = Status.OOM if any(words in said for words in NO_MEMORY) else Status.REFUSED
        told = f"no request was answered: {faults[0]}; llama-server said last: "
        raise Refused(told + last_line(said), status)


if __name__ == "__main__":
    work(load)
