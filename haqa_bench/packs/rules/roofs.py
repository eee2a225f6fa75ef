"""Rules of plausibility: nothing is quicker than memory and arithmetic allow, nor smaller than its
weights. Bounds are generous: they refuse what is impossible, not what is surprising.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from haqa_bench import tracks
from haqa_bench.arithmetic.formats import bit_width_of
from haqa_bench.hardware import Figure, Hardware
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.points import Point, points
from haqa_bench.packs.rules.rule import MEASURE, Problem, Rule
from haqa_bench.project import Project

MARGIN = 3.0
"""How much quicker than the profile's figures is still believed: a profile's bandwidth may be of
one thread that copies, and all threads that only read reach more."""
CACHED = 20.0
"""The same for what fits a cache: in place of the bandwidth of the memory."""
LARGEST_GB_S = {"cpu": 2_000.0, "gpu": 20_000.0, "phone": 200.0}
"""Of the memory of any machine of a kind; in place of a bandwidth that a profile leaves open."""
LARGEST_GFLOPS = {"gpu": 5e6, "phone": 5e4}
"""Of any machine of a kind, in place of rates that a profile leaves open."""
CORE_GFLOPS = 400.0
"""Of a core: two 512-bit multiplications and additions a cycle, at 6 GHz."""
LEAST_BITS = 1.5
"""Of a weight in any format that keeps a model's words apart."""
TOKENS = ("generation_tokens_per_s", "llama_generation_tokens_per_s", "end_to_end_tokens_per_s")
"""Rates in which every token reads every weight once."""


class Roof(NamedTuple):
    """What a machine can do at most, in GB/s and GFLOP/s, with the margin."""

    memory_gb_s: float
    cache_gb_s: float
    gflops: float
    cache_bytes: float

    def bandwidth(self, size: float) -> float:
        """GB/s for so many bytes."""
        return self.cache_gb_s if size <= 2 * self.cache_bytes else self.memory_gb_s


def roof(hardware: Hardware) -> Roof:
    """The roof of a machine, by its profile."""
    known = [f.value for f in (hardware.bandwidth, hardware.read_bandwidth) if f and f.value]
    memory = MARGIN * max(known) if known else LARGEST_GB_S[hardware.kind]
    rates = [f.value for f in hardware.rates.values() if f.value]
    cores = hardware.cores.value or 1024.0
    open_rate = LARGEST_GFLOPS.get(hardware.kind, CORE_GFLOPS * max(cores, 1.0))
    gflops = MARGIN * 1000 * max(rates) if rates else open_rate
    cache = max((_bytes(figure) for figure in hardware.caches.values()), default=0.0)
    return Roof(memory, max(CACHED / MARGIN * memory, memory), gflops, cache)


def _bytes(figure: Figure) -> float:
    units: Mapping[str, float] = {"KiB": 2**10, "KB": 1e3, "MiB": 2**20, "MB": 1e6}
    return (figure.value or 0.0) * units.get(figure.unit, 0.0)


def _times(pack: Pack, _: Project) -> Iterator[Problem]:
    for point in points(pack):
        high, work = roof(point.cell.hardware), tracks.of(point.cell).work(point.cell)
        time = point.found("time_us")
        if work is None or time is None or not time.samples:
            continue
        least = work.least_us(high.bandwidth(work.bytes), high.gflops)
        if min(time.samples) < least:
            what = (
                f"takes {min(time.samples):g} us, and its {work.bytes / 1e6:.3g} MB and "
                f"{work.operations / 1e6:.3g} MFLOP take {least:.3g} us at least on this profile"
            )
            yield Problem(point.where, what, MEASURE)


def _device(pack: Pack, _: Project) -> Iterator[Problem]:
    """What the machine itself was measured to do beside the samples."""
    for point in points(pack):
        high = roof(point.cell.hardware)
        limits = {"bandwidth_gb_s": high.memory_gb_s, "peak_gflops": high.gflops}
        for name, limit in limits.items():
            found = point.found(name)
            if found and found.value > limit:
                what = f"{name} is {found.value:g} {found.unit}, and the profile allows {limit:g}"
                yield Problem(point.where, what, "Is it the profile of this machine?")


def _tokens(pack: Pack, _: Project) -> Iterator[Problem]:
    for point in points(pack):
        size, high = weights_bytes(point), roof(point.cell.hardware)
        most = 1e9 * high.bandwidth(size) / size if size else 0.0
        for name in TOKENS:
            found = point.found(name)
            if size and found and max(found.samples) > most:
                what = (
                    f"{name} is {max(found.samples):g}, and reading {size / 1e6:.3g} MB of "
                    f"weights a token allows {most:.3g} on this profile"
                )
                yield Problem(point.where, what, MEASURE)
        prompt = point.found("prompt_tokens_per_s")
        most = 1e9 * high.gflops / (2 * point.cell.model.parameters) * _batch(point)
        if prompt and max(prompt.samples) > most:
            what = f"reads {max(prompt.samples):g} tokens/s, and arithmetic allows {most:.3g}"
            yield Problem(point.where, what, MEASURE)


def _batch(point: Point) -> float:
    """Formats of fewer bits may be computed several at once: 4 for int8 against fp32."""
    return 1.0 if point.cell.hardware.rates and _rated(point.cell.hardware) else 8.0


def _rated(hardware: Hardware) -> bool:
    return any(figure.value for figure in hardware.rates.values())


def weights_bytes(point: Point) -> float:
    """Bytes of the weights that a token reads, at least; 0 where no model is deployed."""
    if not any(point.found(name) for name in TOKENS):
        return 0.0
    format_name = str(point.configuration.get("format", ""))
    bits = {"INT4": 3.5, "INT8": 7.5}.get(bit_width_of(format_name), LEAST_BITS)
    return point.cell.model.parameters * bits / 8


def _memory(pack: Pack, _: Project) -> Iterator[Problem]:
    for point in points(pack):
        size, peak = weights_bytes(point), point.found("peak_memory_mb")
        if size and peak and 1e6 * min(peak.samples) < size:
            what = f"takes {min(peak.samples):g} MB, and its weights {size / 1e6:.4g} MB"
            yield Problem(point.where, what, MEASURE)
        told = point.facts.get("file_bytes", "")
        if size and told.isdigit() and int(told) < size:
            what = f"its file has {told} bytes, fewer than its {size:.0f} bytes of weights"
            yield Problem(point.where, what, MEASURE)


RULES = (
    Rule("roofline", "no time below what bytes and operations take", _times),
    Rule("device", "bandwidth and peak beside the samples fit the profile", _device),
    Rule("tokens", "no more tokens/s than bandwidth over bytes of weights", _tokens),
    Rule("memory", "no process smaller than its weights", _memory),
)
