"""Simulates a server of a language model with every set of flags, and writes measurements.csv.

    python simulate.py [FILE]

Nothing is measured: a model of our own says what each step of the server takes. Requests come at
random and wait. In each step the server gives one token to each request that runs, and reads the
prompts of those that it takes in: whole, or in chunks beside the tokens. A request holds blocks of
the memory that the weights leave. Where they leave too little, the server does not start.
"""

import csv
import itertools
import random
import sys
from pathlib import Path
from typing import NamedTuple

SPACE = {
    "max_num_seqs": [8, 32, 128],
    "block_size": [8, 16, 32],
    "tensor_parallel": [1, 2, 4],
    "chunked_prefill": ["off", "on"],
    "gpu_memory_utilization": [0.6, 0.75, 0.9, 0.95],
}
SEEDS = range(2)
REQUESTS = 120
GAP_MS = (0.0, 60.0)
"""Between two requests, drawn evenly."""
PROMPT, ANSWER = (50, 900), (20, 200)
"""Tokens of a request, drawn evenly."""
GPU_GB, WEIGHTS_GB, ACTIVATIONS_GB, MB_A_TOKEN = 24.0, 14.0, 1.6, 0.5
STEP_MS, SEQUENCE_MS, PROMPT_TOKEN_MS, TALK_MS, CHUNK = 24.0, 0.12, 0.11, 1.5, 256
"""Of one GPU: a step, a sequence more in it, a token of a prompt; what a GPU more costs a step."""


class Request(NamedTuple):
    """When it comes, and its tokens."""

    at_ms: float
    prompt: int
    answer: int


def requests(seed: int) -> list[Request]:
    """All requests of one simulation."""
    rng, at_ms, found = random.Random(seed), 0.0, []
    for _ in range(REQUESTS):
        at_ms += rng.uniform(*GAP_MS)
        found.append(Request(at_ms, rng.randint(*PROMPT), rng.randint(*ANSWER)))
    return found


def room(flags: dict[str, float]) -> int:
    """Blocks of memory that the weights leave, on all GPUs; below 0 where they do not fit."""
    gpus = flags["tensor_parallel"]
    left_gb = GPU_GB * flags["gpu_memory_utilization"] - WEIGHTS_GB / gpus - ACTIVATIONS_GB
    return int(1000 * left_gb * gpus / (MB_A_TOKEN * flags["block_size"]))


def served(flags: dict[str, float], seed: int) -> dict[str, float] | None:
    """Requests a second and the 99th percentile of their times, in ms; None out of memory."""
    size, gpus = flags["block_size"], flags["tensor_parallel"]
    free, chunk = room(flags), CHUNK if flags["chunked_prefill"] == "on" else 10**9
    needs = [-(-(r.prompt + r.answer) // size) for r in requests(seed)]
    if free < max(needs) or (flags["gpu_memory_utilization"] > 0.9 and gpus == 1):
        return None
    coming = list(zip(requests(seed), needs, strict=True))[::-1]
    running: list[list[float]] = []  # came at, prompt left, answer left, blocks
    now, took = 0.0, []
    while coming or running:
        while (
            coming
            and (coming[-1][0].at_ms <= now or not running)
            and len(running) < flags["max_num_seqs"]
            and coming[-1][1] <= free
        ):
            request, blocks = coming.pop()
            now, free = max(now, request.at_ms), free - blocks
            running.append([request.at_ms, request.prompt, request.answer, blocks])
        budget, read = chunk, 0
        for one in running:
            part = min(one[1], budget)
            one[1], budget, read = one[1] - part, budget - part, read + part
        scan = 1 + 1.6 / size  # small blocks are looked up more often
        tokens = SEQUENCE_MS * len(running) * scan + PROMPT_TOKEN_MS * read
        now += (STEP_MS + tokens) / gpus + TALK_MS * (gpus - 1)
        for one in running:
            one[2] -= one[1] == 0
        took += [now - one[0] for one in running if one[2] <= 0]
        free += int(sum(one[3] for one in running if one[2] <= 0))
        running = [one for one in running if one[2] > 0]
    slowest = sorted(took)[int(0.99 * len(took))]
    return {"throughput": round(1000 * REQUESTS / now, 3), "p99": round(slowest, 1)}


def main(target: Path) -> None:
    """Simulates all; out of memory is told once, since no seed changes it."""
    with target.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*SPACE, "run", "status", "throughput", "p99"])
        for values in itertools.product(*SPACE.values()):
            flags = dict(zip(SPACE, values, strict=True))
            if flags["tensor_parallel"] == 4 and flags["block_size"] == 8:
                continue  # the simulated server has no such build: a hole
            for seed in SEEDS:
                found = served(flags, seed)
                if found is None:
                    writer.writerow([*values, seed, "CUDA out of memory", "", ""])
                    break
                writer.writerow([*values, seed, "ok", found["throughput"], found["p99"]])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("measurements.csv"))
