"""What llama.cpp's log says of devices, and what it did otherwise than asked. The logs are recorded
(llama-cpp-python 0.3.36, SmolLM2-135M as Q4_0, Vulkan on llvmpipe), shortened.
"""

from dataclasses import replace

import pytest

from haqa_bench.backends import llama_placed
from haqa_bench.backends.llama_jobs import ONE_THREAD, with_defaults
from haqa_bench.errors import EvaluationFailed, Status

TEN = replace(ONE_THREAD, n_gpu_layers=10)
ALL = replace(ONE_THREAD, n_gpu_layers=-1)


def layers(*where: str) -> str:
    """31 layers, the output among them, which lie on the device from a number on."""
    return "".join(
        f"load_tensors: layer {n:3} assigned to device {name}, is_swa = 0\n"
        for n, name in enumerate(where)
    )


USING = (
    "llama_prepare_model_devices: using device Vulkan0 (llvmpipe (LLVM 15.0.6, 256 bits)) "
    "(unknown id) - 2048 MiB free\n"
)
OFFLOADED = f"""{USING}{layers(*["CPU"] * 21, *["Vulkan0"] * 10)}\
load_tensors: offloaded 10/31 layers to GPU
load_tensors:   CPU_Mapped model buffer size =    68.65 MiB
load_tensors:      Vulkan0 model buffer size =    45.82 MiB
llama_context: flash_attn            = auto
llama_context: Vulkan_Host  output buffer size =     0.19 MiB
llama_kv_cache:        CPU KV buffer size =     3.01 MiB
llama_kv_cache:    Vulkan0 KV buffer size =     1.29 MiB
llama_kv_cache: size =    4.31 MiB (   256 cells,  30 layers,  1/1 seqs), K (q8_0):    1.49 MiB, \
V (f16):    2.81 MiB
resolve_fused_ops: Flash Attention enabled
sched_reserve:    Vulkan0 compute buffer size =    48.56 MiB
sched_reserve: Vulkan_Host compute buffer size =     1.27 MiB
sched_reserve: graph (pp bs=256, tg bs=1): nodes = 1116 / 1116, splits = 233 / 2, input objects = 4
"""
WITHOUT_DEVICE = f"""{layers(*["CPU"] * 31)}\
load_tensors:   CPU_Mapped model buffer size =    85.30 MiB
load_tensors:   CPU_REPACK model buffer size =    56.95 MiB
llama_context: flash_attn            = auto
llama_kv_cache:        CPU KV buffer size =     4.31 MiB
llama_kv_cache: size =    4.31 MiB (   256 cells,  30 layers,  1/1 seqs), K (q8_0):    1.49 MiB, \
V (f16):    2.81 MiB
resolve_fused_ops: Flash Attention enabled
sched_reserve:        CPU compute buffer size =    49.13 MiB
"""
LARGE = f"""{USING}{layers(*["Vulkan0"] * 31)}\
load_tensors:   CPU_Mapped model buffer size =    28.71 MiB
load_tensors:      Vulkan0 model buffer size =    85.73 MiB
llama_context: flash_attn            = auto
llama_kv_cache:    Vulkan0 KV buffer size =  2880.00 MiB
llama_kv_cache: size = 2880.00 MiB (131072 cells,  30 layers,  1/1 seqs), K (f16): 1440.00 MiB, \
V (f16): 1440.00 MiB
resolve_fused_ops: Flash Attention enabled
sched_reserve:    Vulkan0 compute buffer size =   139.24 MiB
"""
KEYS = replace(TEN, type_k="q8_0")


def fault(log, settings, planned=llama_placed.NOTHING):
    return llama_placed.fault(llama_placed.read(log), settings, planned)


def test_layers_and_buffers_are_read_back_by_device():
    found = llama_placed.read(OFFLOADED)

    assert found.layers == {"CPU": 21, "Vulkan0": 10}
    assert found.devices[0].about == "llvmpipe (LLVM 15.0.6, 256 bits)"
    assert found.devices[0].free == 2048 * 2**20
    assert found.taken("Vulkan0") == pytest.approx((45.82 + 1.29 + 48.56) * 2**20, abs=10)
    assert found.flash_attn == "enabled"
    assert found.cache == {"K": "q8_0", "V": "f16"}
    assert llama_placed.facts(found)["layers_placed"] == "CPU 21, Vulkan0 10"


def test_what_is_as_asked_for_is_no_fault():
    assert fault(OFFLOADED, KEYS) is None
    assert fault(WITHOUT_DEVICE, replace(ONE_THREAD, type_k="q8_0")) is None


def test_more_layers_than_a_model_has_are_all_of_them():
    assert fault(LARGE.replace("2880.00", "  90.00"), replace(ALL, n_gpu_layers=99)) is None


def test_a_build_without_a_device_has_fewer_layers_there():
    found = fault(WITHOUT_DEVICE, KEYS)

    assert found.status is Status.FEWER_LAYERS
    assert "10 of 31 layers are to be on a device, and 0 are" in found.reason


def test_fewer_layers_on_the_device_than_asked_for_are_a_status():
    found = fault(OFFLOADED, replace(KEYS, n_gpu_layers=12))

    assert found.status is Status.FEWER_LAYERS
    assert "12 of 31 layers are to be on a device, and 10 are" in found.reason


def test_buffers_larger_than_what_a_device_had_free_are_spilled():
    found = fault(LARGE, ALL)

    assert found.status is Status.SPILLED
    assert "3,256 MB of buffers, and had 2,147 MB free" in found.reason


def test_weights_that_a_device_was_to_hold_and_does_not_are_spilled():
    found = fault(OFFLOADED, KEYS, {"Vulkan0": 60_000_000})

    assert found.status is Status.SPILLED
    assert "holds 48 MB of weights, and its layers have 60 MB" in found.reason
    assert fault(OFFLOADED, KEYS, {"Vulkan0": 48_100_000}) is None


@pytest.mark.parametrize(
    ("line", "settings", "reason"),
    [
        ("= disabled", {"flash_attn": "on"}, "flash_attn is to be on, and llama.cpp has it dis"),
        ("= enabled", {"flash_attn": "off"}, "flash_attn is to be off, and llama.cpp has it en"),
        ("= auto", {"type_k": "q4_0"}, "type_k is to be q4_0, and the cache holds q8_0"),
        ("= auto", {"type_v": "q4_0"}, "type_v is to be q4_0, and the cache holds f16"),
        ("= auto", {"override_tensor": "exps=CPU"}, "no tensor's name matches"),
        ("= auto", {"cpu_moe": True}, "no tensor's name matches"),
        ("= auto", {"n_cpu_moe": 3}, "no tensor's name matches"),
    ],
)
def test_a_setting_that_llama_cpp_switched_off_is_a_status(line, settings, reason):
    log = OFFLOADED.replace("= auto", line)

    found = fault(log, replace(KEYS, **settings))

    assert found.status is Status.SETTING_IGNORED
    assert reason in found.reason


def test_repacking_that_is_to_be_off_and_is_on_is_a_status():
    found = fault(WITHOUT_DEVICE, replace(ONE_THREAD, type_k="q8_0", repack=False))

    assert found.status is Status.SETTING_IGNORED


@pytest.mark.parametrize(
    ("said", "decided"),
    [("enabled", "enabled"), ("not supported, set to disabled", "disabled")],
)
def test_fused_attention_that_llama_cpp_may_choose_is_a_fact_and_no_fault(said, decided):
    log = OFFLOADED.replace("Flash Attention enabled", f"Flash Attention {said}")

    assert llama_placed.read(log).flash_attn == decided
    assert fault(log, KEYS) is None


def test_tensors_that_a_pattern_moved_are_counted():
    moved = "tensor blk.25.ffn_up.weight (0 MiB q4_0) buffer type overridden to Vulkan_Host\n"

    assert fault(moved + OFFLOADED, replace(KEYS, override_tensor=r"ffn_up=CPU")) is None


def test_a_host_s_buffer_of_a_backend_is_no_memory_of_its_device():
    assert llama_placed.is_of("CUDA0_Split", "CUDA0")
    assert not llama_placed.is_of("CUDA_Host", "CUDA0")
    assert not llama_placed.is_of("CUDA10", "CUDA1")


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("tensor_split", "3;1", "is no list of shares such as 3,1"),
        ("tensor_split", "0,0", "is no list of shares"),
        ("tensor_split", "1e9", "is no list of shares"),
        ("tensor_split", 3, "tensor_split: 3"),
        ("override_tensor", "exps", "not of the form PATTERN=BUFFER"),
        ("override_tensor", "(=CPU", "is no pattern"),
        ("override_tensor", "x=CPU," * 100, "characters, more than 500"),
        ("n_cpu_moe", 5000, "is not between 0 and 512"),
        ("cpu_moe", "yes", "cpu_moe: 'yes'"),
    ],
)
def test_a_device_setting_of_another_form_is_refused(setting, value, reason):
    with pytest.raises(EvaluationFailed, match=reason.replace("(", r"\(")) as caught:
        with_defaults({"n_threads": 1, setting: value})
    assert caught.value.status is Status.REFUSED


def test_experts_are_kept_by_llama_cpp_s_own_pattern():
    found = with_defaults({"n_threads": 1, "n_cpu_moe": 2, "override_tensor": "a=b=CPU"})

    assert found.overrides == (
        ("a=b", "CPU"),
        (r"blk\.0\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU"),
        (r"blk\.1\.ffn_(up|down|gate|gate_up)_(ch|)exps", "CPU"),
    )
