"""What this machine's roofline of generating text is made of: measured with llama.cpp on models so
small that they stay in a cache.

Two models of one layer, a small and a larger one, differ in their weights alone: the difference of
their times is what these take. Two of as wide, but of one and of several layers, tell what a layer
takes beside its weights. Weights are zeros, which take as long as any.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_jobs import Measure, Quantize, Settings
from haqa_bench.backends.machine import measured
from haqa_bench.backends.process import run_job
from haqa_bench.hardware import Figure, Hardware
from haqa_bench.tracks.deploy.workload import DeployWorkload

FORMATS = {
    "F16": "F16",
    "BF16": "BF16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K": "Q5_K_M",
    "Q5_1": "Q5_1",
    "Q5_0": "Q5_0",
    "Q4_K": "Q4_K_M",
    "Q4_1": "Q4_1",
    "Q4_0": "Q4_0",
    "IQ4_XS": "IQ4_XS",
    "IQ4_NL": "IQ4_NL",
    "Q3_K": "Q3_K_M",
    "IQ3_S": "IQ3_S",
    "Q2_K": "Q2_K",
}
"""ggml's tensor types, and a format of llama.cpp's that is all of that type when it is pure."""
STEPS = 2 * len(FORMATS) + 2
"""How many models are measured."""
VOCABULARY = 512
SMALL = {
    "layers": 1,
    "hidden": 256,
    "feed_forward": 768,
    "heads": 4,
    "vocabulary": VOCABULARY,
    "tied": 1,
}
DEEP = {**SMALL, "layers": 9}
LARGE = {
    "layers": 1,
    "hidden": 768,
    "feed_forward": 2048,
    "heads": 12,
    "vocabulary": VOCABULARY,
    "tied": 1,
}
"""7.5 million weights: 15 MB at F16, 4 MB at 4 bits."""
STREAMED = {
    "layers": 9,
    "hidden": 2048,
    "feed_forward": 8192,
    "heads": 16,
    "vocabulary": VOCABULARY,
    "tied": 1,
}
"""1.2 GB at F16: more than a last-level cache holds, 300 MB of which were met."""
PROCESSES = 3
WORK = DeployWorkload(n_ctx=512, n_prompt=8, n_generate=64, repeats=5, timeout_s=60.0)


class Costs(NamedTuple):
    """Seconds by ggml's tensor type, and of a layer beside its weights; bytes/s that all threads
    read.
    """

    weights: Mapping[str, float]
    layer: float
    bandwidth: float


def with_costs(hardware: Hardware, done: Callable[[], None]) -> Hardware:
    """A CPU's profile with what llama.cpp takes for a weight of each tensor type on all of its
    cores; takes a minute.

    `done` is called STEPS times.
    """
    threads = psutil.cpu_count(logical=False) or 1
    costs = measure(threads, done)
    how = (
        f"{measured()} --costs: llama.cpp on models that stay in a cache, {threads} "
        f"threads, best of {PROCESSES * WORK.repeats}"
    )
    found = {
        kind: Figure(value=round(1e12 * cost, 1), unit="ps", source=how)
        for kind, cost in costs.weights.items()
    }
    streamed = how.replace("stay in a cache", "do not fit one, all F16")
    return hardware.model_copy(
        update={
            "weight_cost": found,
            "layer_overhead": Figure(value=round(1e6 * costs.layer, 1), unit="us", source=how),
            "read_bandwidth": Figure(
                value=round(costs.bandwidth / 1e9, 1), unit="GB/s", source=streamed
            ),
        }
    )


def measure(threads: int, done: Callable[[], None] = lambda: None) -> Costs:
    """Costs on as many threads; takes a minute. `done` is called after each of STEPS.

    Raises:
        EvaluationFailed: llama.cpp refuses.
    """
    small: dict[str, float] = {}
    large: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        for found, sizes in ((small, SMALL), (large, LARGE)):
            for kind in FORMATS:
                found[kind] = _seconds(sizes, kind, threads, Path(folder))
                done()
        more = weights_of(LARGE) - weights_of(SMALL)
        costs = {kind: (large[kind] - small[kind]) / more for kind in FORMATS}
        deep = _seconds(DEEP, "Q8_0", threads, Path(folder))
        done()
        streamed = _seconds(STREAMED, "F16", threads, Path(folder))
        done()
    extra = DEEP["layers"] - SMALL["layers"]
    layer = (deep - small["Q8_0"] - (weights_of(DEEP) - weights_of(SMALL)) * costs["Q8_0"]) / extra
    return Costs(costs, layer, 2 * weights_of(STREAMED) / (streamed - STREAMED["layers"] * layer))


def weights_of(sizes: Mapping[str, int]) -> int:
    """The weights of the matrices of a model whose keys are as many as its queries."""
    hidden, wide = sizes["hidden"], sizes["feed_forward"]
    return (
        sizes["layers"] * (4 * hidden * hidden + 3 * hidden * wide) + sizes["vocabulary"] * hidden
    )


def _seconds(sizes: Mapping[str, int], kind: str, threads: int, folder: Path) -> float:
    """What a token takes, at best of PROCESSES: now and then one has its threads on one core."""
    with _pure(sizes, kind, folder) as model:
        job = Measure(
            model=str(model),
            settings=Settings(n_threads=threads, n_threads_batch=threads),
            n_ctx=WORK.n_ctx,
            n_prompt=WORK.n_prompt,
            n_generate=WORK.n_generate,
            repeats=WORK.repeats,
        )
        samples = [s for _ in range(PROCESSES) for s in run_job(job, WORK.timeout_s).samples]
    return min(s.generate_s for s in samples) / (WORK.n_generate - 1)


@contextmanager
def _pure(sizes: Mapping[str, int], kind: str, folder: Path) -> Iterator[Path]:
    """A model without weights all of whose matrices are of one type."""
    target = folder / "pure.gguf"
    with llama_cpp_memory.hollow(sizes) as source:
        job = Quantize(source=str(source), target=str(target), format=FORMATS[kind], pure=True)
        run_job(job, gguf_models.QUANTIZE_TIMEOUT_S)
    yield target
    target.unlink()
