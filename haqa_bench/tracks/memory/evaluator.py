"""The memory track: under each limit, which bit-width fits (paper: table 5). All is simulated:
llama.cpp's own plan of its buffers.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import mean

from haqa_bench import __version__
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import gguf_models, llama_cpp_memory
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.cell import Cell
from haqa_bench.documents import sha256
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.protocols import Outcome, Whole
from haqa_bench.space import Configuration, key_of
from haqa_bench.store import facts, tables
from haqa_bench.tracks.memory.workload import NOTHING, MemoryWorkload
from haqa_bench.trial import Measurement, Source

RIGHT, TOO_LARGE = "right_choices", "too_large"


class MemoryEvaluator:
    """Holds decisions against what fits.

    Metrics: right_choices (%, of the limits; right is the most precise format whose peak and margin
    fit, or none) and too_large (%, of the limits under which the choice would not fit).
    """

    whole: Whole | None = Whole(optimum=100.0)
    machine = ""

    def __init__(self, cell: Cell[MemoryWorkload], sizes: Mapping[str, Prediction]) -> None:
        self.workload, self.sizes = cell.workload, sizes

    @property
    def made_of(self) -> Mapping[str, str]:
        """See LiveEvaluator."""
        return {"sizes_sha256": sha256({name: list(size) for name, size in self.sizes.items()})}

    def measure(self, configuration: Configuration) -> Outcome:
        """See Evaluator."""
        work = self.workload
        right = [
            float(configuration[work.within(limit)] == truth(work, self.sizes, limit))
            for limit in work.limits_gb
        ]
        large = [
            float(not self._fits(str(configuration[work.within(limit)]), limit))
            for limit in work.limits_gb
        ]
        told = facts.of_sizes(self.sizes)
        told |= {work.within(limit): truth(work, self.sizes, limit) for limit in work.limits_gb}
        return Outcome((_share(RIGHT, right), _share(TOO_LARGE, large)), told, 0.0)

    def sample(self, configuration: Configuration, repeat: int) -> Outcome:
        """See Evaluator. What is simulated does not vary."""
        return self.measure(configuration)

    def _fits(self, choice: str, limit_gb: float) -> bool:
        return choice == NOTHING or self.sizes[choice].fits(round(limit_gb * 1e9))


def truth(workload: MemoryWorkload, sizes: Mapping[str, Prediction], limit_gb: float) -> str:
    """The most precise bit-width that fits, or NOTHING."""
    return next(
        (name for name in workload.bit_widths if sizes[name].fits(round(limit_gb * 1e9))), NOTHING
    )


def simulate(cell: Cell[MemoryWorkload]) -> dict[str, Prediction]:
    """What a cell's model takes at each bit-width, as llama.cpp on this machine plans it; without
    the copies that a CPU repacks.

    Raises:
        HaqaError: llama.cpp is not here, or refuses the model.
    """
    gguf_models.require_llama_cpp()
    settings = replace(ONE_THREAD, mmap=False)
    names = [f.format for f in cell.workload.formats]
    # a GPU reserves what it may need, a CPU touches what it uses
    outputs = 1 if cell.hardware.kind == "cpu" else settings.n_ubatch
    try:
        with llama_cpp_memory.hollow(cell.model.dimensions) as path:
            found = llama_cpp_memory.predict(path, names, settings, cell.workload.n_ctx, outputs)
    except EvaluationFailed as failure:
        raise HaqaError(cell.id, failure.reason, "Check the model's dimensions") from None
    return {f.bit_width: found[f.format].memory for f in cell.workload.formats}


def record(cell: Cell[MemoryWorkload], target: Path) -> None:
    """Writes what `simulate` finds as the table that replays read: a row for each bit-width.

    Raises:
        HaqaError: as `simulate`.
    """
    sizes, today = simulate(cell), datetime.datetime.now(datetime.UTC).date().isoformat()
    card = {
        **_card(cell),
        "source": "simulated",
        "measured": [today, today],
        facts.BUILD: version("llama-cpp-python"),
    }
    rows = [
        {
            "configuration": key_of({"bit_width": bits}),
            "pass": 0,
            "status": "ok",
            "reason": "",
            "facts": {},
            "readings": _readings(size),
        }
        for bits, size in sizes.items()
    ]
    tables.write(target, card | {"haqa_bench": __version__}, rows)


def recorded(cell: Cell[MemoryWorkload], path: Path) -> dict[str, Prediction]:
    """What `record` wrote.

    Raises:
        HaqaError: it is missing, or of another model or workload.
    """
    table, wanted = tables.read(path), _card(cell)
    if any(table.card.get(name) != value for name, value in wanted.items()):
        raise HaqaError(
            path,
            f"was made for another cell, model or workload than {cell.id}'s now",
            "Make it with: haqa-bench tabulate SUITE",
        )
    parts = {
        bits: {m.name: m.value for m in table.entries[key_of({"bit_width": bits})].measurements}
        for bits in cell.workload.bit_widths
    }
    return {
        bits: Prediction(**{name: int(size) for name, size in of_bits.items()})
        for bits, of_bits in parts.items()
    }


def _card(cell: Cell[MemoryWorkload]) -> dict[str, object]:
    """What sizes depend on."""
    model, workload = (part.model_dump(mode="json") for part in (cell.model, cell.workload))
    return {"cell": cell.id, "model": model, "workload": workload, "hardware": cell.hardware.name}


def _readings(size: Prediction) -> Sequence[Mapping[str, object]]:
    return [
        {"name": name, "unit": "B", "samples": [float(value)]}
        for name, value in size._asdict().items()
    ]


def _share(name: str, hits: Sequence[float]) -> Measurement:
    return Measurement(
        name=name,
        value=100 * mean(hits),
        unit="%",
        source=Source.SIMULATED,
        samples=tuple(hits),
        used=len(hits),
    )
