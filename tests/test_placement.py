"""Where a tuning puts layers and experts: as much on devices as fits, and nothing beyond."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.errors import EvaluationFailed
from haqa_bench.hardware import Device, Figure
from haqa_bench.tune import placement

MB = 1_000_000
LAYERS = 31


def device(name="Vulkan0", mib=2048):
    size = Figure(value=mib, unit="MiB", source="a test")
    return Device(name=name, title="x", kind="gpu", backend="Vulkan", memory=size, free=size)


def planner(monkeypatch, dense, experts=0, devices=1):
    """A model of LAYERS, each of so many MB, dense and of experts."""

    def plan(model, formats, settings, n_ctx):
        count = min(settings.n_gpu_layers, LAYERS)
        moved = LAYERS if settings.cpu_moe else settings.n_cpu_moe
        there = max(0, count - moved) * experts * MB + count * dense * MB
        parts = [float(part) for part in settings.tensor_split.split(",") if part] or [1] * devices
        shares = tuple(
            Share(f"Vulkan{i}", count if i == 0 else 0, int(there * part / sum(parts)), 0, 0, 0, 0)
            for i, part in enumerate(parts)
        )
        host = Share("host", 0, min(moved, count) * experts * MB, 0, 0, 0, 0)
        return {"own": SimpleNamespace(memory=DevicePlan(shares, host, "a test"))}

    monkeypatch.setattr(placement, "plan_for_device", plan)


def fits(*devices):
    return placement.that_fits(Path("m.gguf"), 256, devices)


def test_all_layers_are_put_where_all_fit(monkeypatch):
    planner(monkeypatch, dense=10)

    assert fits(device()) == placement.Placement(LAYERS, 0, False, 1)


def test_experts_that_do_not_fit_stay_on_the_host_and_the_layers_do_not(monkeypatch):
    planner(monkeypatch, dense=10, experts=100)

    found = fits(device())

    assert found.layers == LAYERS
    # 0.9 x 2,147.5 MB hold 31 x 10.5 MB and 15 x 105 MB
    assert found.host_experts == LAYERS - 15
    tried = found.space["n_cpu_moe"]
    assert tried["default"] == min(tried["choices"]) == found.host_experts


def test_layers_go_where_even_without_experts_they_do_not_fit(monkeypatch):
    planner(monkeypatch, dense=100, experts=100)

    found = fits(device())

    assert (found.layers, found.host_experts) == (9, 0)  # 0.9 x 2,147.5 / 210


def test_equal_shares_are_tried_where_they_fit(monkeypatch):
    planner(monkeypatch, dense=10, devices=2)

    assert fits(device(), device("Vulkan1")).space["tensor_split"]["choices"] == ["", "1,1"]
    assert not fits(device(), device("Vulkan1", mib=100)).evenly


@pytest.mark.parametrize("devices", [(), (device(mib=0),)])
def test_without_a_device_or_its_memory_nothing_is_put_there(devices):
    assert fits(*devices).space == {}


def test_what_llama_cpp_cannot_plan_is_put_nowhere(monkeypatch):
    def refuse(*_):
        raise EvaluationFailed("refused", "unknown architecture")

    monkeypatch.setattr(placement, "plan_for_device", refuse)

    assert fits(device()) == placement.Placement()
