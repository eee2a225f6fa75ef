"""What a model takes on a device: sums, llama.cpp's log read as a plan, and `memory --device`. The
log is of a real plan on Vulkan's software device, shortened. Held against what the device really
allocates: test_live_device_memory.py.
"""

import json

import pytest

from haqa_bench.arithmetic.device_memory import HOST, DevicePlan, Share
from haqa_bench.backends import llama_cpp_memory
from haqa_bench.backends import llama_planned as plans
from haqa_bench.backends.llama_jobs import ONE_THREAD, Place, Planned
from haqa_bench.backends.llama_placed import MIB
from haqa_bench.backends.llama_tensors import Tensor
from haqa_bench.errors import HaqaError

LAYERS = 4
DEVICE = (
    "llama_prepare_model_devices: using device Vulkan0 (llvmpipe (LLVM 15.0.6, 256 bits)) "
    "(unknown id) - 2048 MiB free"
)
SIZES = "llama_kv_cache: size =   16.00 MiB (   512 cells,   4 layers,  1/1 seqs)"


def log(on_device: int, windows: bool = False) -> str:
    """What llama.cpp says of a model of four layers and its output, of which so many are on a
    device.
    """
    first = LAYERS + 1 - on_device
    where = ["Vulkan0" if n >= first else "CPU" for n in range(LAYERS + 1)]
    layers = [
        f"load_tensors: layer {n:3d} assigned to device {device}, is_swa = 0"
        for n, device in enumerate(where)
    ]
    cached = [
        f"llama_kv_cache: layer {n:3d}: dev = {device}" for n, device in enumerate(where[:-1])
    ]
    half = "llama_kv_cache: size =    2.00 MiB (   256 cells,   2 layers,  1/1 seqs)"
    caches = [*cached[:2], half, *cached[2:], SIZES] if windows else [*cached, SIZES]
    return "\n".join(
        [
            DEVICE,
            *layers,
            "load_tensors:      Vulkan0 model buffer size =     0.00 MiB",
            "llama_context: Vulkan_Host  output buffer size =     1.00 MiB",
            *caches,
            "sched_reserve:    Vulkan0 compute buffer size =    12.00 MiB",
            "sched_reserve: Vulkan_Host compute buffer size =     3.00 MiB",
            "",
        ]
    )


TENSORS = [
    Tensor("token_embd.weight", (64, 512), "f16", 1000),
    *(Tensor(f"blk.{n}.ffn_up.weight", (64, 128), "q4_0", 100) for n in range(LAYERS)),
    Tensor("output_norm.weight", (64, 1), "f32", 1),
    Tensor("output.weight", (64, 512), "q6_K", 500),
]


def places(text: str, tensors=TENSORS, copied=False):
    found = plans.assigned(text)
    made = plans.placed(found, text, {"Q4_0": tensors}, copied)
    return {place.name: place for place in made}


def test_all_layers_lie_on_the_device_but_for_the_embedding_which_is_looked_up_in():
    found = places(log(5))

    device, host = found["Vulkan0"], found[HOST]
    assert device.about == "llvmpipe (LLVM 15.0.6, 256 bits)"
    assert (device.layers, host.layers) == (5, 0)
    assert (device.weights["Q4_0"], host.weights["Q4_0"]) == (901, 1000)
    assert (device.cache, host.cache) == (16 * MIB, 0)
    assert (device.compute, host.compute, host.output) == (12 * MIB, 3 * MIB, MIB)


def test_the_last_layers_lie_on_the_device_and_the_others_with_their_caches_on_the_host():
    found = places(log(3), copied=True)

    device, host = found["Vulkan0"], found[HOST]
    assert (device.layers, host.layers) == (3, 2)
    assert (device.weights["Q4_0"], host.weights["Q4_0"]) == (701, 1200)
    assert (device.cache, host.cache) == (8 * MIB, 8 * MIB)
    assert (device.repacked["Q4_0"], host.repacked["Q4_0"]) == (0, 200)  # a CPU's alone


def test_an_output_layer_that_is_the_embedding_has_a_copy_of_it_on_the_device():
    tied = [tensor for tensor in TENSORS if tensor.name != "output.weight"]

    assert places(log(5), tied)["Vulkan0"].weights["Q4_0"] == 1401
    assert places(log(0), tied)[HOST].weights["Q4_0"] == 1401  # once, where both are on the host


def test_caches_of_sliding_windows_are_shared_among_their_own_layers():
    found = places(log(3, windows=True))

    assert found[HOST].cache == 2 * MIB
    assert found["Vulkan0"].cache == 16 * MIB


def test_a_tensor_that_a_setting_puts_on_the_host_is_counted_there():
    text = log(5) + "tensor blk.2.ffn_up.weight (0 MiB q4_0) buffer type overridden to CPU\n"

    found = places(text)

    assert (found["Vulkan0"].weights["Q4_0"], found[HOST].weights["Q4_0"]) == (801, 1100)


@pytest.mark.parametrize(("asked", "there"), [(-1, 5), (3, 3), (99, 5), (0, 0)])
def test_a_device_that_is_not_here_would_hold_the_last_layers(asked, there):
    text = log(0).replace(DEVICE, "").replace("Vulkan0 ", "CPU ").replace("Vulkan_Host", "CPU")
    found = plans.declared(plans.assigned(text), asked)

    device, host = plans.placed(found, text, {"Q4_0": TENSORS}, copied=False)

    assert (device.name, device.layers, host.layers) == (plans.DECLARED, there, 5 - there)
    assert device.compute == 15 * MIB  # the CPU's stand for the device's
    assert device.cache + host.cache == 16 * MIB


def share(place: str, weights: int) -> Share:
    return Share(place, 3, weights, 0, 100, 50, 0)


def test_what_has_to_fit_is_the_fullest_device_with_its_margin():
    found = DevicePlan((share("CUDA0", 850), share("CUDA1", 350)), share(HOST, 9000), "")

    assert (found.peak, found.safe) == (1000, 1050)
    assert (found.fits(1050), found.fits(1049)) == (True, False)
    assert share("CUDA0", 9_000_000).arithmetic().startswith("weights 9.0 + cache 0.0")


PLANNED = Planned(
    places=(
        Place("device", "", 3, {"Q4_0": 900}, {"Q4_0": 0}, 50, 50, 0),
        Place(HOST, "", 0, {"Q4_0": 10}, {"Q4_0": 0}, 0, 0, 1),
    ),
    here=False,
    n_ctx_train=0,
)


@pytest.fixture
def jobs(monkeypatch):
    found = []
    monkeypatch.setattr(
        llama_cpp_memory, "run_job", lambda job, _timeout: (found.append(job), PLANNED)[1]
    )
    return found


def test_a_plan_for_a_declared_device_bears_its_name_and_says_whose_buffers_it_counts(
    jobs, tmp_path
):
    found = llama_cpp_memory.plan_for_device(tmp_path, ["Q4_0"], ONE_THREAD, 512, "nvidia-a6000")

    plan = found["Q4_0"].memory
    assert [place.place for place in plan.devices] == ["nvidia-a6000"]
    assert (plan.peak, plan.host.peak) == (1000, 11)
    assert "CPU backend" in plan.planned_by
    assert jobs[0].settings.split_mode == "none"  # one device, however many are here


def test_a_machine_without_devices_is_told_to_name_a_profile(jobs, tmp_path):
    with pytest.raises(HaqaError, match=r"knows no device to plan for.*hardware list"):
        llama_cpp_memory.plan_for_device(tmp_path, ["Q4_0"], ONE_THREAD, 512)


CONFIG = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 512,
}


def test_memory_says_what_lies_on_a_device_and_ends_with_1_where_nothing_fits(cli, tmp_path):
    pytest.importorskip("llama_cpp")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    asked = ("memory", tmp_path, "--n-ctx", "64", "--formats", "F16", "--device", "nvidia-a6000")

    told = cli(*asked, "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    (row,) = found["formats"]
    assert found["limit"] == 48 * 10**9  # the profile's
    assert row["devices"][0]["place"] == "nvidia-a6000"
    assert row["devices"][0]["repacked"] == 0
    assert row["host"]["weights"] == pytest.approx(2 * 512 * 64, rel=0.2)  # the embedding
    assert row["fits"] is True

    none = cli(*asked, "--limit", "100kB")
    assert none.returncode == 1
    assert "CPU backend" in none.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--device", "nvidia-a600"), "Did you mean 'nvidia-a6000'"),
        (("--device", "epyc-zen4-2core"), "is a CPU"),
        (("--device", "auto", "--measure"), "--measure: is of this machine's memory"),
        (("--device", "auto", "--training", "{}"), "--training: is of this machine's memory"),
    ],
)
def test_what_cannot_be_planned_for_a_device_is_one_line(cli, tmp_path, more, message):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))

    told = cli("memory", tmp_path, *more)

    assert told.returncode == 2
    assert message in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
