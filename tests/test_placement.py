"""Where a tuning puts layers and experts: as much on devices as fits, and nothing beyond."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic.device_memory import DevicePlan, Share
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.hardware import Device, Figure
from haqa_bench.optimizers.rules import Rules
from haqa_bench.space import SearchSpace
from haqa_bench.study import Method, Study
from haqa_bench.trial import Trial
from haqa_bench.tune import placement, space
from haqa_bench.tune.wish import Wish

MB = 1_000_000
LAYERS = 31


def device(name="Vulkan0", mib=2048, title="x", kind="gpu"):
    size = Figure(value=mib, unit="MiB", source="a test")
    return Device(name=name, title=title, kind=kind, backend="Vulkan", memory=size, free=size)


SIZES = {"own": 1.0, "Q8_0": 0.6, "Q4_K_M": 0.3}
"""Of a model's layers by format, in terms of the file's own."""


def planner(monkeypatch, dense, experts=0, devices=1):
    """A model of LAYERS, each of so many MB in its own format, dense and of experts. Returns what
    was asked for.
    """
    asked = []

    def plan(model, formats, settings, n_ctx):
        asked.append((tuple(formats), settings))
        return {
            name: SimpleNamespace(memory=_planned(settings, SIZES[name] * MB)) for name in formats
        }

    def _planned(settings, size):
        count = min(settings.n_gpu_layers, LAYERS)
        moved = LAYERS if settings.cpu_moe else settings.n_cpu_moe
        there = max(0, count - moved) * experts * size + count * dense * size
        parts = [float(part) for part in settings.tensor_split.split(",") if part] or [1] * devices
        shares = tuple(
            Share(f"Vulkan{i}", count if i == 0 else 0, int(there * part / sum(parts)), 0, 0, 0, 0)
            for i, part in enumerate(parts)
        )
        host = int(LAYERS * (dense + experts) * size - there)
        return DevicePlan(shares, Share("host", 0, host, 0, 0, 0, 0), "a test")

    monkeypatch.setattr(placement, "plan_for_device", plan)
    return asked


def fits(*devices, formats=("own",)):
    return placement.that_fits(Path("m.gguf"), 256, devices, formats)


def space_of(placed, *formats):
    """The space of a tuning, as its suite holds it."""
    wish = Wish("m.gguf", 10**12, (), "total", 20, "rules", 256, 64, 16)
    return SearchSpace.model_validate_json(
        json.dumps(space.settings(formats, placed, wish)), strict=True
    )


def allowed(made, **values):
    """The layers that may be tried with some values of the other settings."""
    parameter = made.root["n_gpu_layers"]
    rest = {**made.default, **values}
    return [n for n in parameter.choices if made.holds({**rest, "n_gpu_layers": n})]


def test_all_layers_are_put_where_all_fit(monkeypatch):
    planner(monkeypatch, dense=10)

    found = fits(device())

    assert (found.of("own").layers, found.of("own").host_experts) == (LAYERS, 0)
    assert found.space(["own"])["n_gpu_layers"]["choices"] == [0, 15, LAYERS]


def test_a_smaller_format_has_more_layers_where_the_file_fits_in_part(monkeypatch):
    asked = planner(monkeypatch, dense=100)

    found = fits(device(), formats=tuple(SIZES))

    # 0.9 x 2,147.5 MB hold 18 x 105 MB, 30 x 63 MB, and all of 31.5 MB
    assert [found.of(name).layers for name in SIZES] == [18, 30, LAYERS]
    made = space_of(found, *SIZES)
    assert made.default["n_gpu_layers"] == 18
    assert allowed(made) == [0, 9, 18]
    assert allowed(made, format="Q8_0") == [0, 9, 18, 30]
    assert allowed(made, format="Q4_K_M") == [0, 9, 18, 30, LAYERS]
    assert "where format is own: n_gpu_layers is at most 18: more do not fit" in made.limits[0]
    assert {formats for formats, _ in asked} == {tuple(SIZES)}  # all in each plan
    assert len(asked) == len(set(asked)) < 15


def test_a_default_that_takes_the_place_of_the_file_has_its_own_layers(monkeypatch):
    planner(monkeypatch, dense=100)

    made = space_of(fits(device(), formats=tuple(SIZES)), "Q8_0", "Q4_K_M")

    assert made.default["n_gpu_layers"] == 30
    assert allowed(made) == [0, 15, 30]
    assert allowed(made, format="Q4_K_M") == [0, 15, 30, LAYERS]


def test_where_not_one_layer_of_the_file_fits_those_of_a_smaller_format_are_tried(monkeypatch):
    planner(monkeypatch, dense=2000)

    made = space_of(fits(device(), formats=tuple(SIZES)), *SIZES)

    assert made.default["n_gpu_layers"] == 0
    assert allowed(made) == [0]
    assert allowed(made, format="Q4_K_M") == [0, 1, 3]


def test_what_is_left_for_the_host_is_that_of_each_format_s_own_layers(monkeypatch):
    planner(monkeypatch, dense=100)

    found = fits(device(), formats=tuple(SIZES))

    assert [found.of(name).host.weights for name in SIZES] == [1300 * MB, 60 * MB, 0]
    assert found.of("Q4_K_M").share == 1
    assert found.of("own").share == pytest.approx(18 / LAYERS)


@pytest.mark.parametrize(
    ("told", "quick"),
    [
        ({"title": "NVIDIA RTX A2000"}, True),
        ({"title": "llvmpipe (LLVM 15.0.6, 256 bits)"}, False),
        ({"title": "Iris Xe", "kind": "integrated gpu"}, False),
    ],
)
def test_the_forecast_counts_on_a_gpu_with_memory_of_its_own_alone(monkeypatch, told, quick):
    planner(monkeypatch, dense=10)
    there = placement.There((device(**told),), fits(device()))

    assert there.share("own") == (1.0 if quick else 0.0)


def test_experts_that_do_not_fit_stay_on_the_host_and_the_layers_do_not(monkeypatch):
    planner(monkeypatch, dense=10, experts=100)

    found = fits(device())

    assert found.of("own").layers == LAYERS
    # 0.9 x 2,147.5 MB hold 31 x 10.5 MB and 15 x 105 MB
    assert found.of("own").host_experts == LAYERS - 15
    tried = found.space(["own"])["n_cpu_moe"]
    assert tried["default"] == min(tried["choices"]) == LAYERS - 15


def test_a_smaller_format_leaves_fewer_experts_on_the_host(monkeypatch):
    planner(monkeypatch, dense=10, experts=100)

    made = space_of(fits(device(), formats=tuple(SIZES)), *SIZES)

    assert made.root["n_cpu_moe"].choices == (0, 4, 16, 30)
    assert made.default["n_cpu_moe"] == 16
    assert allowed(made, n_cpu_moe=16)[-1] == LAYERS
    assert allowed(made, n_cpu_moe=4) == [0, 15]  # of 16 with all their experts
    assert allowed(made, format="Q8_0", n_cpu_moe=4)[-1] == LAYERS
    assert allowed(made, format="Q8_0", n_cpu_moe=0) == [0, 15]
    assert allowed(made, format="Q4_K_M", n_cpu_moe=0)[-1] == LAYERS


def test_layers_go_where_even_without_experts_they_do_not_fit(monkeypatch):
    planner(monkeypatch, dense=100, experts=100)

    found = fits(device()).of("own")

    assert (found.layers, found.host_experts) == (9, 0)  # 0.9 x 2,147.5 / 210


def test_equal_shares_are_tried_where_they_fit(monkeypatch):
    planner(monkeypatch, dense=10, devices=2)

    found, small = (fits(device(), device("Vulkan1", mib=mib)) for mib in (2048, 100))

    assert found.space(["own"])["tensor_split"]["choices"] == ["", "1,1"]
    assert "tensor_split" not in small.space(["own"])


def test_equal_shares_are_tried_of_the_formats_that_fit_so(monkeypatch):
    """By free memory, the first device would have more; here llama.cpp is told the shares."""
    planner(monkeypatch, dense=100, devices=2)

    made = space_of(fits(device(), device("Vulkan1", mib=1024), formats=tuple(SIZES)), *SIZES)

    assert allowed(made, tensor_split="1,1")[-1] < LAYERS
    assert allowed(made, format="Q4_K_M", tensor_split="1,1")[-1] == LAYERS


def test_the_method_rules_takes_a_smaller_format_s_layers_along_at_once(monkeypatch):
    planner(monkeypatch, dense=100)
    cell = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[0]
    there = cell.hardware.model_copy(update={"devices": (device(),)})
    made = space_of(fits(device(), formats=tuple(SIZES)), *SIZES)
    cell = cell.model_copy(update={"hardware": there, "space": made})
    rules = Rules(Study("tune", cell, Method(name="rules", optimizer="rules"), 0))
    best = {**made.default, "format": "Q4_K_M"}

    found = rules.ask([Trial(number=0, configuration=best, status=Status.OK)])

    assert found.configuration == {**best, "n_gpu_layers": LAYERS}
    assert found.thought == "as many layers on devices as fit"


@pytest.mark.parametrize("devices", [(), (device(mib=0),)])
def test_without_a_device_or_its_memory_nothing_is_put_there(devices):
    assert fits(*devices).space(["own"]) == {}


def test_what_llama_cpp_cannot_plan_is_put_nowhere(monkeypatch):
    def refuse(*_):
        raise EvaluationFailed("refused", "unknown architecture")

    monkeypatch.setattr(placement, "plan_for_device", refuse)

    assert fits(device()) == placement.NOWHERE
