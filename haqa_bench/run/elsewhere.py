"""The same cells on another machine: a suite with one device in place of those that it names."""

from collections.abc import Collection

from haqa_bench import tracks
from haqa_bench.cell import Cell
from haqa_bench.errors import HaqaError
from haqa_bench.hardware import Hardware
from haqa_bench.suite import Suite


def moved(suite: Suite, device: Hardware, ids: Collection[str]) -> Suite:
    """A suite of those of its cells that are measured, on another device. Its name and its cells'
    ids have the device's name.

    Raises:
        HaqaError: nothing of it is measured there, or two cells would be the same one.
    """
    found: dict[str, Cell] = {}
    for cell in (cell for cell in suite.cells if cell.id in ids):
        there = on(cell, device)
        if there.simulated:
            continue
        if found.setdefault(there.id, there) != there:
            what = f"two cells would be {there.id} on {device.name}"
            raise HaqaError(suite.name, what, "Choose one with --cells")
    if not found:
        what = f"nothing of it is measured on {device.name}: all is simulated"
        raise HaqaError(suite.name, what, "Choose other cells")
    return suite.model_copy(
        update={"name": named(suite.name, device.name), "cells": tuple(found.values())}
    )


def on(cell: Cell, device: Hardware) -> Cell:
    """A cell on another device."""
    track = tracks.of(cell)
    parts = [cell.model_name, cell.bit_width, device.name, track.suffix(cell.workload)]
    return cell.model_copy(
        update={
            "id": "-".join(filter(None, parts)).lower(),
            "hardware": device,
            "simulated": track.simulates(cell.workload, device),
        }
    )


def named(suite: str, machine: str) -> str:
    """What a suite is called on a machine."""
    return suite if suite.endswith(f"-{machine}") else f"{suite}-{machine}"
