"""Response tables as Kernel Tuner's caches and as T4 results.

A cache holds each configuration under its values, joined by commas: the values, every metric, the
raw samples, and the milliseconds that the evaluation took; one that could not be measured has an
`__error__`. One that breaks a constraint is an entry like any other, since Kernel Tuner knows no
constraints. Kernel Tuner reads no units: a cache of ours says them beside, for us. Samples that
were disturbed are left out: neither form can say so.
"""

from collections.abc import Mapping

from haqa_bench.arithmetic.estimate import undisturbed
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject
from haqa_bench.space import Configuration, SearchSpace, key_of
from haqa_bench.store.kernel_tuner.cache import TIMES
from haqa_bench.store.tables import Entry, ResponseTable
from haqa_bench.trial import Measurement, Status

PROBLEM_SIZE = 1
"""Kernel Tuner asks for one; the sizes are the cell's."""
T4_VERSION = "1.0.0"
ERRORS = {Status.COMPILE_ERROR: "CompilationFailedConfig", Status.REFUSED: "InvalidConfig"}
FAILED = "RuntimeFailedConfig"
"""What Kernel Tuner calls any other failure."""
INVALIDITY = {
    Status.OK: "correct",
    Status.TIMEOUT: "timeout",
    Status.COMPILE_ERROR: "compile",
    Status.REFUSED: "constraints",
    Status.WRONG_OUTPUT: "correctness",
}
"""T4's words; any other failure is `runtime`."""
TAKEN = ("compile_time", "verification_time", "benchmark_time", "strategy_time", "framework_time")
TIME_UNITS = {"us": "microseconds", "ms": "milliseconds", "s": "seconds"}


def to_cache(table: ResponseTable, cell: Cell) -> JsonObject:
    """The table of `cell` as a cache. Its kernel's name is the cell's, its objective the cell's
    metric.
    """
    return {
        "device_name": cell.hardware.name,
        "kernel_name": cell.id,
        "problem_size": PROBLEM_SIZE,
        "tune_params_keys": list(cell.space.root),
        "tune_params": {name: list(p.choices) for name, p in cell.space.listable.items()},
        "restrictions": restrictions(cell.space),
        "objective": cell.objective.metric,
        "units": _units(table) | {TIMES: cell.objective.unit},
        "cache": {
            _key(c): _cached(c, table.entries[key_of(c)], cell.objective.metric)
            for c in cell.space.grid()
        },
    }


def restrictions(space: SearchSpace) -> list[str]:
    """The limits of a space as `tune_kernel` takes them; it reads none from a cache, where they
    stand for people.
    """
    return [
        code
        for name, parameter in space.root.items()
        for limit in parameter.limits
        for code in limit.as_code(name)
    ]


def to_t4(table: ResponseTable, cell: Cell) -> JsonObject:
    """The table of `cell` as T4 results. `runtimes` are in the unit that the metadata names; of a
    metric that is no time there are none.
    """
    return {
        "schema_version": T4_VERSION,
        "metadata": {
            "timeunit": TIME_UNITS.get(cell.objective.unit, "none"),
            "cell": cell.id,
            "device": cell.hardware.name,
        },
        "results": [_result(c, table.entries[key_of(c)], cell) for c in cell.space.grid()],
    }


def _key(configuration: Configuration) -> str:
    return ",".join(str(value) for value in configuration.values())


def _units(table: ResponseTable) -> dict[str, str]:
    return {m.name: m.unit for entry in table.entries.values() for m in entry.measurements}


def _kept(entry: Entry, metric: str) -> list[float]:
    found: Mapping[str, Measurement] = {m.name: m for m in entry.measurements}
    if metric not in found:
        return []
    return undisturbed(
        found[metric].samples, found["others_share"].samples if "others_share" in found else ()
    )


def _cached(configuration: Configuration, entry: Entry, metric: str) -> JsonObject:
    values: JsonObject = {m.name: m.value for m in entry.measurements}
    taken = dict.fromkeys(TAKEN, 0.0) | {"benchmark_time": 1000 * (entry.seconds or 0.0)}
    word = ERRORS.get(entry.status, FAILED)
    error = {} if entry.measurements else {metric: word, "__error__": word}
    return {**configuration, **values, "times": _kept(entry, metric), **taken, **error}


def _result(configuration: Configuration, entry: Entry, cell: Cell) -> JsonObject:
    timed = cell.objective.unit in TIME_UNITS
    return {
        "configuration": dict(configuration),
        "objectives": [goal.metric for goal in cell.objective.goals],
        "times": {"runtimes": _kept(entry, cell.objective.metric) if timed else []},
        "invalidity": INVALIDITY.get(entry.status, "runtime"),
        "correctness": 0 if entry.status == Status.WRONG_OUTPUT else 1,
        "measurements": [
            {"name": m.name, "value": m.value, "unit": m.unit} for m in entry.measurements
        ],
    }
