"""Response tables in Kernel Tuner's two forms: its cache file, on which its strategies run in
simulation mode, and T4, the format of autotuning results that several tuners share (schema 1.0.0).
Both are written and read. A cache knows no units: what is read from one has the cell's for the
objective, and none for the rest.

A cache holds each configuration under its values, joined by commas: the values, every metric, the
raw samples, and the milliseconds that the evaluation took; one that could not be measured has an
`__error__`. One that breaks a constraint is an entry like any other, since Kernel Tuner knows no
constraints. Samples that were disturbed are left out: neither form can say so.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haqa_bench.arithmetic.estimate import undisturbed
from haqa_bench.cell import Cell
from haqa_bench.documents import JsonObject, read_bytes, sha256
from haqa_bench.errors import HaqaError
from haqa_bench.space import Configuration, SearchSpace, key_of
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
PER_MS = {"us": 1000.0, "ms": 1.0, "s": 0.001}


def to_cache(table: ResponseTable, cell: Cell) -> JsonObject:
    """The table of `cell` as a cache. Its kernel's name is the cell's, its objective the cell's
    metric.
    """
    return {
        "device_name": cell.hardware.name,
        "kernel_name": cell.id,
        "problem_size": PROBLEM_SIZE,
        "tune_params_keys": list(cell.space.root),
        "tune_params": {name: list(p.choices) for name, p in cell.space.root.items()},
        "restrictions": restrictions(cell.space),
        "objective": cell.objective.metric,
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
        f"{' * '.join((name, *p.limit.times))} <= {p.limit.at_most}"
        for name, p in space.root.items()
        if p.limit
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


def rows(path: Path, cell: Cell) -> list[JsonObject]:
    """The file at `path`, a cache or T4 results of the space of `cell`, as a response table's rows.

    Raises:
        HaqaError: it is neither, or a configuration or its objective is missing or outside the
        space.
    """
    try:
        data = json.loads(read_bytes(path))
    except ValueError as error:
        raise HaqaError(
            path, f"not JSON: {error}", "Name a Kernel Tuner cache or T4 results"
        ) from None
    if isinstance(data, dict) and isinstance(data.get("cache"), dict):
        found = [_from_cache(cell, entry) for entry in data["cache"].values()]
    elif isinstance(data, dict) and isinstance(data.get("results"), list):
        found = [_from_t4(cell, entry) for entry in data["results"]]
    else:
        raise HaqaError(path, "neither a Kernel Tuner cache nor T4 results")
    facts = {"imported": path.name, "imported_sha256": sha256(read_bytes(path))}
    return [_checked(path, cell, row) | {"facts": facts} for row in found]


def _key(configuration: Configuration) -> str:
    return ",".join(str(value) for value in configuration.values())


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


def _from_cache(cell: Cell, entry: Mapping[str, Any]) -> JsonObject:
    metric, unit = cell.objective.metric, cell.objective.unit
    statuses = {word: status for status, word in ERRORS.items()}
    configuration = {name: entry.get(name) for name in cell.space.root}
    if "__error__" in entry:
        return _row(configuration, statuses.get(entry["__error__"], Status.CRASHED), [])
    samples = list(entry.get("times", []))
    if metric in entry:
        others = [
            (n, "", [v])
            for n, v in entry.items()
            if n not in (*cell.space.root, *TAKEN, metric) and isinstance(v, int | float)
        ]
        return _row(configuration, Status.OK, [(metric, unit, samples or [entry[metric]]), *others])
    times = [
        t for t in samples or [entry.get("time")] if isinstance(t, int | float)
    ]  # Kernel Tuner's own are in milliseconds
    return _row(
        configuration,
        Status.OK,
        [(metric, unit, [PER_MS[unit] * t for t in times] if unit in PER_MS else [])],
    )


def _from_t4(cell: Cell, entry: Mapping[str, Any]) -> JsonObject:
    metric, unit = cell.objective.metric, cell.objective.unit
    statuses = {word: status for status, word in INVALIDITY.items()}
    status = statuses.get(entry["invalidity"], Status.CRASHED)
    configuration = dict(entry["configuration"])
    if status != Status.OK:
        return _row(configuration, status, [])
    readings = [
        (m["name"], m["unit"], [m["value"]])
        for m in entry.get("measurements", [])
        if isinstance(m["value"], int | float)
    ]
    runtimes = list(entry["times"].get("runtimes", []))
    readings = [(n, u, runtimes if n == metric and runtimes else s) for n, u, s in readings]
    return _row(configuration, status, readings or [(metric, unit, runtimes)])


def _row(
    configuration: Mapping[str, Any], status: Status, readings: list[tuple[str, str, list[float]]]
) -> JsonObject:
    return {
        "configuration": configuration,
        "pass": 0,
        "status": status,
        "reason": "" if status == Status.OK else "as the file that was imported says",
        "readings": [
            {"name": name, "unit": unit, "samples": [float(s) for s in samples]}
            for name, unit, samples in readings
        ],
    }


def _checked(path: Path, cell: Cell, row: JsonObject) -> JsonObject:
    """The row with its configuration's key; raises HaqaError for a configuration outside the space
    or without the objective.
    """
    if problems := cell.space.problems(row["configuration"]):
        raise HaqaError(
            path,
            f"{cell.id}: {dict(row['configuration'])}: {problems[0]}",
            "Import it into the cell that it was measured for",
        )
    measured = any(r["name"] == cell.objective.metric and r["samples"] for r in row["readings"])
    if row["status"] == Status.OK and not measured:
        raise HaqaError(
            path, f"{dict(row['configuration'])}: neither {cell.objective.metric} nor times"
        )
    return row | {"configuration": key_of(row["configuration"])}
