"""What measuring a cell of the deploy track will take, forecast before anything of it is measured:
from bytes and operations, with what the profile of its hardware knows.

    seconds a run = load + warm-up + repeats x (prompt + tokens)
    a token       = the roofline's, reading and computing one after the other
    the prompt    = two operations for each weight and token
    a cache       = as its prompt, and attention of each token to all before it; filled once

It is a forecast: it decides how long a sweep is, and no number of it is printed as measured.
"""

from collections.abc import Iterator
from typing import NamedTuple

from haqa_bench.arithmetic.token_roofline import BLOCKS, token
from haqa_bench.cell import Cell
from haqa_bench.space import Configuration
from haqa_bench.tracks.deploy.workload import DeployWorkload

OPERATIONS_PER_S = 75e9
"""Of one core, on products of matrices: a guess, for a core with vectors of 512 bits."""
LOADED_BYTES_PER_S = 1e9
"""A guess: read from the system's cache of files, and rearranged."""
WARM_TOKENS = 8


class Cost(NamedTuple):
    """Seconds of the default's run, of a pass over the whole space, of filling all caches once, and
    of the default's run as it is confirmed; and the most bytes that weights take.
    """

    default: float
    a_pass: float
    filling: float
    confirming: float
    weights: float

    def words(self, memory_gb: float) -> str:
        """For people."""
        if self.weights > memory_gb * 1e9:
            told = f"{self.weights / 1e9:.1f} GB of weights are over {memory_gb:g} GB"
            return f"{told}: refused by prediction, and not loaded"
        filled = f", and filling caches once {_span(self.filling)}" if self.filling else ""
        return (
            f"forecast, from bytes and operations: {_span(self.default)} a run, "
            f"{_span(self.a_pass)} a pass over its space{filled}, {_span(self.confirming)} a run "
            "of a pair"
        )


def cost(cell: Cell[DeployWorkload]) -> Cost | None:
    """What a cell will take; None where the hardware's bandwidth, or a format, is unknown."""
    if not cell.space.finite or any(_token(cell, c) is None for c in _some(cell)):
        return None
    runs = [c for c in cell.space.grid() if not _refused(c)]
    default = cell.space.default
    caches = {tuple(c.get(name) for name in ("type_k", "type_v", "flash_attn")): c for c in runs}
    deep = cell.workload.depth > 0
    return Cost(
        default=_run(cell, cell.workload, default),
        a_pass=sum(_run(cell, cell.workload, c) for c in runs),
        filling=sum(_filling(cell, c) for c in caches.values()) if deep else 0.0,
        confirming=_run(cell, cell.workload.confirming, default),
        weights=max(_weights(cell, c) for c in _some(cell)),
    )


def _some(cell: Cell) -> Iterator[Configuration]:
    """A configuration of each format."""
    for name in cell.space.listable["format"].choices:
        yield {**cell.space.default, "format": name}


def _refused(configuration: Configuration) -> bool:
    """Whether llama.cpp takes no such cache: quantized values need fused attention."""
    plain = configuration.get("type_v", "f16") in ("f16", "f32", "bf16")
    return configuration.get("flash_attn") == "off" and not plain


def _run(cell: Cell, work: DeployWorkload, configuration: Configuration) -> float:
    warm = work.n_prompt if work.warm_up is None else min(work.warm_up, work.n_prompt)
    tokens = min(WARM_TOKENS, work.n_generate) + work.repeats * work.n_generate
    prompts = warm + work.repeats * work.n_prompt
    return (
        _weights(cell, configuration) / LOADED_BYTES_PER_S
        + tokens * (_token(cell, configuration) or 0.0)
        + prompts * _operations(cell) / _rate(cell, configuration)
    )


def _filling(cell: Cell[DeployWorkload], configuration: Configuration) -> float:
    depth, sizes = cell.workload.depth, cell.model.dimensions
    attention = 2 * sizes.get("layers", 0) * sizes.get("hidden", 0) * depth**2
    return (depth * _operations(cell) + attention) / _rate(cell, configuration)


def _token(cell: Cell, configuration: Configuration) -> float | None:
    kind = _kind(str(configuration["format"]))
    layers = cell.model.dimensions.get("layers", 0)
    found = token({kind: cell.model.parameters}, layers, cell.hardware) if kind else None
    return found.apart * _fewer(cell, configuration) if found else None


def _weights(cell: Cell, configuration: Configuration) -> float:
    """Bytes, all of the format's main type."""
    kind = _kind(str(configuration["format"]))
    weights, size = BLOCKS.get(kind, (1, 4))
    return cell.model.parameters * size / weights


def _kind(name: str) -> str:
    """ggml's type that most of a format is of: Q4_K of Q4_K_M."""
    return max((kind for kind in BLOCKS if name.startswith(kind)), key=len, default="")


def _operations(cell: Cell) -> float:
    return 2.0 * cell.model.parameters


def _rate(cell: Cell, configuration: Configuration) -> float:
    return OPERATIONS_PER_S * (cell.hardware.cores.value or 1) / _fewer(cell, configuration)


def _fewer(cell: Cell, configuration: Configuration) -> float:
    """How many times as long it takes on fewer threads than cores."""
    cores = cell.hardware.cores.value or 1
    return max(1.0, cores / float(configuration.get("n_threads", cores)))


def _span(seconds: float) -> str:
    """A time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
