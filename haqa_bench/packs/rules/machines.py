"""Rules of the machine: one profile, with figures that a machine can have, which is the machine
that the samples tell of.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from haqa_bench.hardware import Hardware
from haqa_bench.packs.pack import Pack
from haqa_bench.packs.points import points
from haqa_bench.packs.rules.roofs import LARGEST_GB_S
from haqa_bench.packs.rules.rule import AGAIN, Problem, Rule
from haqa_bench.project import Project

DETECT = "Write the profile with: haqa-bench hardware detect --output hardware/NAME.yaml"


class Bounds(NamedTuple):
    """Between what a figure of any machine lies, with its units."""

    low: float
    high: float
    units: tuple[str, ...]


MEMORY = Bounds(0.25, 100_000, ("GB", "GiB"))
CORES = {
    "cpu": Bounds(1, 2_000, ("cores", "CPU cores")),
    "phone": Bounds(1, 64, ("cores", "CPU cores")),
    "gpu": Bounds(1, 200_000, ("CUDA cores", "cores", "shader cores", "compute units")),
}
BANDWIDTH = {kind: Bounds(0.5, high, ("GB/s",)) for kind, high in LARGEST_GB_S.items()}
RATES = {
    "cpu": Bounds(1e-4, 1_000, ("TFLOPS", "TOPS")),
    "phone": Bounds(1e-4, 200, ("TFLOPS", "TOPS")),
    "gpu": Bounds(1e-2, 20_000, ("TFLOPS", "TOPS")),
}
MAKERS: Mapping[str, str] = {
    "AMD": r"\bamd\b|\bepyc\b|\bryzen\b|\bradeon\b|\binstinct\b",
    "Intel": r"\bintel\b|\bxeon\b|\bcore\(tm\)|\biris\b",
    "NVIDIA": r"\bnvidia\b|\bgeforce\b|\brtx\b|\btesla\b",
    "Apple": r"\bapple\b",
    "Qualcomm": r"\bqualcomm\b|\bsnapdragon\b|\badreno\b|\boryon\b",
    "ARM": r"\bneoverse\b|\bcortex\b|\bgraviton\b|\bmali\b|\bampere altra\b",
}
"""Makers of processors, by words that name their products."""
NAMED = ("device", "gpu")
"""Facts in which a device says its own name."""
FLAGS = {"AVX512": "avx512f", "AVX2": "avx2", "NEON": "neon", "DOTPROD": "dotprod"}
"""What llama.cpp says of the processor that it runs on, as a profile calls it."""
SYNONYMS = {"neon": {"neon", "asimd"}, "dotprod": {"dotprod", "asimddp"}}


def _profile(pack: Pack, _: Project) -> Iterator[Problem]:
    found = [name for name in pack.names if name.startswith("hardware/")]
    if len(found) != 1:
        yield Problem("hardware/", f"holds {len(found)} profiles, not one", AGAIN)
    if pack.hardware is None:
        return
    where = found[0]
    if where != f"hardware/{pack.hardware.name}.yaml":
        yield Problem(where, f"is the profile of {pack.hardware.name}", AGAIN)
    for cell in {c.id: c for n in pack.recorded if (c := pack.cell_of(n))}.values():
        if cell.hardware != pack.hardware:
            yield Problem(where, f"is not the profile that {cell.id} was measured with", AGAIN)
    yield from _figures(where, pack.hardware)


def _figures(where: str, hardware: Hardware) -> Iterator[Problem]:
    kind = hardware.kind
    wanted = [("cores", hardware.cores, CORES[kind]), ("memory", hardware.memory, MEMORY)]
    wanted.append(("bandwidth", hardware.bandwidth, BANDWIDTH[kind]))
    if hardware.read_bandwidth:
        wanted.append(("read_bandwidth", hardware.read_bandwidth, BANDWIDTH[kind]))
    wanted += [(f"rates.{name}", rate, RATES[kind]) for name, rate in hardware.rates.items()]
    for name, figure, bounds in wanted:
        if figure.value is None:
            continue
        if figure.unit not in bounds.units:
            what = f"{name} is in '{figure.unit}', not in {' or '.join(bounds.units)}"
            yield Problem(where, what, DETECT)
        elif not bounds.low <= figure.value <= bounds.high:
            what = f"{name} is {figure.value:g} {figure.unit}, which no {kind} has"
            yield Problem(where, what, DETECT)


def _same(pack: Pack, _: Project) -> Iterator[Problem]:
    if pack.hardware is None:
        return
    ours = makers(f"{pack.hardware.title} {pack.hardware.name} {pack.hardware.notes}")
    told = dict(_told(pack))
    for where, words in told.items():
        theirs = makers(words)
        if ours and theirs and not ours & theirs:
            what = f"was measured on '{words[:80]}', and the profile is of {pack.hardware.title}"
            yield Problem(where, what, "Name the profile of the machine that measured")
    yield from _instructions(pack, pack.hardware)


def makers(words: str) -> set[str]:
    """The makers that words name."""
    return {name for name, known in MAKERS.items() if re.search(known, words.lower())}


def _told(pack: Pack) -> Iterator[tuple[str, str]]:
    """What the machine that measured said of itself, once for each file and wording."""
    for name, confirmed in pack.confirmed.items():
        yield name, confirmed.card.machine
    for name, study in pack.studies.items():
        yield name, str(study.head.get("machine", ""))
    seen = set[tuple[str, str]]()
    for point in points(pack):
        words = " ".join(point.facts[fact] for fact in NAMED if fact in point.facts)
        if words and (point.file, words) not in seen:
            seen.add((point.file, words))
            yield point.where, words


def _instructions(pack: Pack, hardware: Hardware) -> Iterator[Problem]:
    """Instruction sets that llama.cpp found, and the profile lacks; the first of each file."""
    seen = set[str]()
    for point in points(pack):
        told = re.findall(r"(\w+) = 1", point.facts.get("system_info", ""))
        for flag in told if point.file not in seen and hardware.kind == "cpu" else ():
            known = FLAGS.get(flag)
            names = SYNONYMS.get(known, {known}) if known else set(hardware.instruction_sets)
            if hardware.instruction_sets and not names & set(hardware.instruction_sets):
                seen.add(point.file)
                yield Problem(point.where, f"ran with {flag}, which the profile lacks", DETECT)
                break


RULES = (
    Rule("profile", "one machine, with figures that a machine can have", _profile),
    Rule("machine", "the samples are of the profile's machine", _same),
)
