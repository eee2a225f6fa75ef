"""A rule-based tuner with the agent's feedback and no LLM: what HAQA's referees asked for as a
control.

First the rules, each a first guess for one parameter from the hardware's facts, tried on top of the
best configuration so far; then one parameter at a time, any choice that is untried around the best.
It draws no random numbers, so all its seeds are one study.
"""

from collections.abc import Iterator, Sequence

from haqa_bench.arithmetic.memory import MARGIN
from haqa_bench.hardware import Hardware
from haqa_bench.optimizers.local_search import neighbours
from haqa_bench.optimizers.options import settled
from haqa_bench.protocols import Proposal
from haqa_bench.space import Configuration, Scalar, SearchSpace, key_of
from haqa_bench.suite import NOTHING, Cell, Study
from haqa_bench.trial import Trial
from haqa_bench.workloads import MemoryWorkload

REPACKED = ("Q4_0", "IQ4_NL", "Q8_0")
"""Formats that llama.cpp rearranges for wide vectors at load: the fast ones on a CPU that has them.
"""
REGISTERS = {"avx512f": 16, "avx2": 8, "neon": 4, "asimd": 4}
"""Floats that a vector register holds, by instruction set."""
BITS_PER_WEIGHT = {"F16": 16.0, "Q8_0": 8.5, "Q4_K_M": 4.85, "Q4_0": 4.55}
"""What llama.cpp's formats take for a model of billions of weights."""
WIDE = {"avx2", "avx512f", "dotprod", "asimddp", "i8mm"}


class Rules:
    """Coordinate steps from hardware facts."""

    start_up = 0

    def __init__(self, study: Study) -> None:
        self.cell, self.settings = study.cell, settled(study)

    def ask(self, history: Sequence[Trial]) -> Proposal | None:
        """See Optimizer."""
        tried = {t.key for t in history}
        if isinstance(self.cell.workload, MemoryWorkload):
            sheet = _sheet(self.cell, self.cell.workload)
            return (
                None
                if key_of(sheet) in tried
                else Proposal(sheet, thought="weights and cache added up, and 5 %")
            )
        best = self.cell.objective.best(history) or history[0]
        start = best.configuration or self.cell.space.default
        for configuration, why in _steps(self.cell.space, self.cell.hardware, start):
            if key_of(configuration) not in tried:
                return Proposal(configuration, thought=why)
        return None


def _sheet(cell: Cell, work: MemoryWorkload) -> Configuration:
    """Under each limit the most precise format whose weights and cache fit with a margin, by the
    bits that a weight is known to take.
    """
    d = cell.model.dimensions
    cache = (
        2
        * 2
        * d["layers"]
        * d.get("kv_heads", d["heads"])
        * d.get("head_size", d["hidden"] // d["heads"])
        * work.n_ctx
    )
    sizes = {
        f.bit_width: cell.model.parameters * BITS_PER_WEIGHT[f.format] / 8 + cache
        for f in work.formats
    }
    return {
        work.within(limit): next(
            (bits for bits, size in sizes.items() if size * (1 + MARGIN) <= limit * 1e9), NOTHING
        )
        for limit in work.limits_gb
    }


def _steps(
    space: SearchSpace, hardware: Hardware, start: Configuration
) -> Iterator[tuple[Configuration, str]]:
    for name, value, why in _rules(hardware):
        if (
            name in space.root
            and start[name] != value
            and not space.problems(moved := {**start, name: value})
        ):
            yield moved, why
    for configuration in neighbours(space, start):
        yield configuration, "a neighbour of the best"


def _rules(hardware: Hardware) -> Iterator[tuple[str, Scalar, str]]:
    yield from _deploy_rules(hardware)
    yield from _kernel_rules(hardware)
    yield from _training_rules()


def _kernel_rules(hardware: Hardware) -> Iterator[tuple[str, Scalar, str]]:
    if hardware.kind == "cpu":
        yield (
            "LANES",
            1,
            "a core runs a group's work-items one after another: lanes only add barriers",
        )
    for name, floats in REGISTERS.items():
        if name in hardware.instruction_sets:
            yield "VEC", floats, "a vector as wide as a register"
    yield "TABLE", 1, "reading a table is cheaper than a sine"
    yield "ORDER", 1, "a tile of weights serves all tokens while it is in the cache"
    yield "NATIVE", 1, "the device's own function, where the tolerance allows it"
    yield "UNROLL", 4, "fewer branches"


def _deploy_rules(hardware: Hardware) -> Iterator[tuple[str, Scalar, str]]:
    if hardware.cores.value is not None:
        for name in ("n_threads", "n_threads_batch"):
            yield name, int(hardware.cores.value), "as many threads as cores"
    if WIDE & set(hardware.instruction_sets):
        for value in REPACKED:
            yield "format", value, "a format repacked for wide vectors"
    elif hardware.kind != "cpu":
        yield "format", "Q4_0", "generating a token reads all weights: the fewest bytes"
    yield "flash_attn", "on", "fused attention moves fewer bytes"
    for name in ("type_k", "type_v"):
        yield name, "f16", "a short context's cache is small: unpacking it costs more than it saves"


def _training_rules() -> Iterator[tuple[str, Scalar, str]]:
    yield "batch_size", 32, "a short budget needs many steps"
    yield "per_device_train_batch_size", 2, "a short budget needs many steps"
    yield "schedule", "cosine", "what is learnt settles as the rate falls to 0"
    yield "augmentation", "none", "images that are seen once need no variation"
    yield "learning_rate", 0.01, "a middle rate"
    yield "learning_rate", 0.002, "an adapter bears a higher rate than a whole model"
    yield "lora_alpha", 128, "a larger factor, as a higher rate"
