"""Measurements that were mapped, as the rows of a response table, made column by column."""

import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haqa_bench.errors import Status
from haqa_bench.store.own_tables.frame import Codes
from haqa_bench.store.own_tables.mapped import WELL, Mapped
from haqa_bench.store.tables import READINGS, SCHEMA


def rows(found: Mapped, facts: Mapping[str, str]) -> pa.Table:
    """A row for each repeat, ordered by configuration; every one says the same facts."""
    keys = keys_of(found)
    place = np.empty(len(found.grid), np.int64)
    place[pc.sort_indices(keys).to_numpy()] = np.arange(len(found.grid))
    order = np.lexsort((found.passes, place[found.of_row]))
    failed = found.failed[order]
    statuses = pa.array([*(f.status.value for f in found.failures), Status.OK.value])
    reasons = pa.array([*(f.reason for f in found.failures), ""])
    columns = [
        keys.take(pa.array(found.of_row[order])),
        pa.array(found.passes[order], pa.int32()),
        statuses.take(pa.array(np.where(failed == WELL, len(found.failures), failed))),
        reasons.take(pa.array(np.where(failed == WELL, len(found.failures), failed))),
        _readings(found, order),
        pa.repeat(json.dumps(dict(facts), sort_keys=True), len(order)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def keys_of(found: Mapped) -> pa.Array:
    """The key of each configuration, as space.key_of has it."""
    named = sorted(zip(found.choices, range(len(found.choices)), strict=True))
    parts = [
        pa.array([_said(name, value) for value in found.choices[name].values]).take(
            pa.array(found.grid[:, number])
        )
        for name, number in named
    ]
    inner = pc.binary_join_element_wise(*parts, ",")
    return pc.binary_join_element_wise("{", inner, "}", "")


def _said(name: str, value: object) -> str:
    return f"{json.dumps(name, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)}"


def _readings(found: Mapped, order: Codes) -> pa.Array:
    """Of each row that was measured, one sample of every metric."""
    well, count = found.failed[order] == WELL, len(found.metrics)
    values = found.readings[order][well].ravel()
    samples = pa.ListArray.from_arrays(
        pa.array(np.arange(len(values) + 1), pa.int32()), pa.array(values, pa.float64())
    )
    which = pa.array(np.tile(np.arange(count), int(well.sum())))
    names = pa.array([metric.name for metric in found.metrics]).take(which)
    units = pa.array([metric.unit for metric in found.metrics]).take(which)
    fields = list(READINGS.value_type)
    told = pa.StructArray.from_arrays([names, units, samples], fields=fields)
    offsets = np.concatenate([[0], np.cumsum(well * count)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), told)
