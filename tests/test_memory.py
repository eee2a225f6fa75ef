"""What a model takes: sums, sizes and limits, and models without weights. What llama.cpp makes of
them: test_live.py.
"""

import json
from contextlib import suppress

import gguf
import pytest

from haqa_bench.arithmetic.memory import Prediction, bytes_of
from haqa_bench.backends.llama_cpp_memory import file_of, is_hollow
from haqa_bench.backends.llama_cpp_memory import hollow as llama_hollow
from haqa_bench.backends.transformers_config import dimensions_of
from haqa_bench.backends.workers import hollow
from haqa_bench.errors import HaqaError

LLAMA2_7B = {"layers": 32, "hidden": 4096, "feed_forward": 11008, "heads": 32, "vocabulary": 32000}
CONFIG = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 32,
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("12GB", 12 * 10**9),
        ("12 GiB", 12 * 2**30),
        ("500mb", 500 * 10**6),
        ("1.5GB", 1_500_000_000),
        ("7", 7),
    ],
)
def test_a_size_is_read_in_powers_of_ten_or_of_two(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "GB", "12XB", "-1GB", "1e9", "0GB", "0.1", "nan", "inf"])
def test_what_is_no_size_is_told(text):
    with pytest.raises(HaqaError, match="is no size"):
        bytes_of(text)


@pytest.mark.parametrize("text", ["9" * 400, "5000000TB"])
def test_a_size_that_no_machine_has_is_told(text):
    with pytest.raises(HaqaError, match="is more than any machine has"):
        bytes_of(text)


def test_a_peak_is_the_sum_of_its_parts_and_has_to_fit_with_its_margin():
    found = Prediction(
        weights=700, repacked=100, cache=100, compute=50, output=20, work=20, runtime=10
    )

    assert (found.peak, found.safe) == (1000, 1050)
    assert (found.fits(1050), found.fits(1049)) == (True, False)


def test_the_sum_is_shown_without_parts_that_are_nothing():
    found = Prediction(
        weights=9_000_000, repacked=0, cache=1_000_000, compute=0, output=0, work=0, runtime=0
    )

    assert found.arithmetic() == "weights 9.0 + cache 1.0 = 10.0 MB, with 5 % margin 10.5 MB"


def test_a_hollow_model_has_the_tensors_of_a_real_one_and_takes_no_room(tmp_path):
    target = tmp_path / "hollow.gguf"

    hollow.write(LLAMA2_7B, target)

    reader = gguf.GGUFReader(target)
    assert (
        sum(int(t.n_elements) for t in reader.tensors) == 6_738_415_616
    )  # LLaMA2-7B's parameters, as published
    assert target.stat().st_size > 13_476_000_000
    assert target.stat().st_blocks * 512 < 10**6
    assert is_hollow(target)


def test_a_config_of_transformers_becomes_a_hollow_model(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))

    hollow.write(dimensions_of(tmp_path / "config.json"), tmp_path / "hollow.gguf")

    shapes = {
        t.name: tuple(int(n) for n in t.shape)
        for t in gguf.GGUFReader(tmp_path / "hollow.gguf").tensors
    }
    assert shapes["blk.1.attn_k.weight"] == (8, 4)  # two heads of two
    assert shapes["token_embd.weight"] == (8, 32)
    assert "output.weight" not in shapes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "qwen2"}, "Give its GGUF file instead"),
        ({"model_type": ["llama"]}, "not the config of a model of llama"),
        ({"model_type": None}, "not the config of a model of llama"),
        ({"model_type": "gemma3"}, "not the config of a model of llama"),
        ({"vocab_size": None}, "'vocab_size' is missing"),
        (
            {"num_attention_heads": 0},
            "'num_attention_heads' is missing, or no whole number above 0",
        ),
        ({"num_hidden_layers": -2}, "'num_hidden_layers' is missing, or no whole number above 0"),
        ({"num_hidden_layers": True}, "'num_hidden_layers' is missing, or no whole number above 0"),
        ({"num_hidden_layers": 2.0}, "'num_hidden_layers' is missing, or no whole number above 0"),
        ({"head_dim": "x"}, "'head_dim' is missing, or no whole number above 0"),
        ({"hidden_size": "8"}, "'hidden_size' is missing, or no whole number above 0"),
        ({"hidden_size": {"a": 8}}, "'hidden_size' is missing, or no whole number above 0"),
        ({"intermediate_size": [16, 32]}, "'intermediate_size' is a list"),
        ({"tie_word_embeddings": 2}, "'tie_word_embeddings' is not true or false"),
        ({"num_hidden_layers": 10**9}, "layers is 1000000000, and not between 1 and 512"),
        ({"hidden_size": 2**40}, "hidden is 1099511627776, and not between 1 and"),
        ({"num_attention_heads": 3}, "3 heads do not share a hidden size of 8"),
        ({"num_attention_heads": 16}, "16 heads do not share a hidden size of 8"),
        ({"num_key_value_heads": 3}, "4 heads do not share 3 heads of keys and values"),
        ({"num_key_value_heads": 8}, "4 heads do not share 8 heads of keys and values"),
        ({"head_dim": 3}, "a head's size is odd: 3"),
        ({"head_dim": 10**10}, "head_size is 10000000000, and not between"),
    ],
)
def test_a_config_of_no_possible_model_is_told(tmp_path, change, message):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG | change))

    with pytest.raises(HaqaError, match=message):
        dimensions_of(path)


@pytest.mark.parametrize(
    "keys",
    [
        {"num_local_experts": 8},
        {"num_experts": 8, "num_experts_per_tok": 2},
        {"n_routed_experts": 64},
        {"moe_intermediate_size": 1408},
        {"use_moe": True},
        {"block_configs": [{"attention": {"no_op": True}}]},
        {"layers_block_type": ["attention", "mamba"]},
        {"ffn_multipliers": [1.0, 2.0], "ffn_dim_divisor": 256},
        {"intermediate_sizes": [16, 32]},
        {"kv_lora_rank": 512},
        {"v_head_dim": 128},
        {"num_nextn_predict_layers": 1},
        {"cross_attention_layers": [1]},
        {"text_config": {"hidden_size": 4}},
        {"vision_config": {"hidden_size": 4}},
        {"mamba_d_state": 16},
        {"layer_types": ["full_attention", "sliding_attention"]},
        {"layer_types": ["full_attention"]},
        {"layer_types": "full_attention"},
    ],
)
@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_a_config_that_says_of_sizes_that_are_not_read_is_refused_and_names_them(
    tmp_path, keys, kind
):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG | {"model_type": kind} | keys))

    with pytest.raises(HaqaError, match="Give its GGUF file instead") as told:
        dimensions_of(path)
    assert any(f"'{key}'" in str(told.value) for key in keys)


def test_keys_that_say_nothing_of_sizes_are_passed_over(tmp_path):
    others = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": 1,
        "eos_token_id": [1, 2],
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "layer_types": ["full_attention", "full_attention"],
        "max_position_embeddings": 131072,
        "mlp_bias": False,
        "num_local_experts": None,
        "num_experts": 0,
        "pretraining_tp": 1,
        "quantization_config": {"bits": 4, "group_size": 128},
        "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
        "rope_theta": 500000.0,
        "sliding_window": 4096,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.43.0",
        "use_cache": True,
        "vision_config": None,
    }
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | others))

    assert dimensions_of(tmp_path / "config.json") == {
        "layers": 2,
        "hidden": 8,
        "feed_forward": 16,
        "heads": 4,
        "vocabulary": 32,
        "kv_heads": 2,
        "context": 131072,
        "tied": 1,
    }


GEMMA3_12B = {
    "hidden_size": 3840,
    "intermediate_size": 15360,
    "model_type": "gemma3_text",
    "num_attention_heads": 16,
    "num_hidden_layers": 48,
    "num_key_value_heads": 8,
    "sliding_window": 1024,
}


@pytest.mark.parametrize("nested", [True, False])
def test_gemma_3_s_config_is_read_whether_it_sees_or_not(tmp_path, nested):
    path = tmp_path / "config.json"
    seeing = {
        "model_type": "gemma3",
        "text_config": GEMMA3_12B,
        "vision_config": {"hidden_size": 1},
    }
    path.write_text(json.dumps(seeing if nested else GEMMA3_12B))

    found = dimensions_of(path)

    assert found["window"] == 1024
    assert (found["head_size"], found["vocabulary"], found["tied"]) == (256, 262208, 1)


def test_gemma_3_12b_without_weights_has_as_many_as_were_published(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(GEMMA3_12B))

    hollow.write(dimensions_of(tmp_path / "config.json"), tmp_path / "hollow.gguf")

    reader = gguf.GGUFReader(tmp_path / "hollow.gguf")
    count = sum(int(t.n_elements) for t in reader.tensors)
    assert count == pytest.approx(11.8e9, rel=0.005)  # 12.2e9 with its eyes
    assert reader.fields["gemma3.attention.sliding_window"].contents() == 1024


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sliding_window": None}, "'sliding_window' is missing"),
        ({"sliding_window_pattern": 4}, "'sliding_window_pattern' is not 6"),
        (
            {"layer_types": ["full_attention"] * 48},
            "'layer_types' is not what llama.cpp plans with",
        ),
        ({"num_experts": 8}, "'num_experts' may change its size"),
    ],
)
def test_a_gemma_that_llama_cpp_would_plan_otherwise_is_refused(tmp_path, change, message):
    (tmp_path / "config.json").write_text(json.dumps(GEMMA3_12B | change))

    with pytest.raises(HaqaError, match=message):
        dimensions_of(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not the config of a model of llama"),
        (b"null", "not the config of a model of llama"),
        (b"\xff\xfe\x00", "not JSON"),
        (bytes(1000), "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b" " * 2_000_001, "is no config.json of a model"),
        (b'{"model_type": "llama", "hidden_size": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_file_that_is_no_config_is_told_in_one_line(tmp_path, data, message):
    path = tmp_path / "config.json"
    path.write_bytes(data)

    with pytest.raises(HaqaError, match=message) as told:
        dimensions_of(path)
    assert "\n" not in str(told.value)


def test_a_config_cut_or_flipped_anywhere_is_read_or_told(tmp_path):
    path, whole = tmp_path / "config.json", json.dumps(CONFIG).encode()
    cut = [whole[:place] for place in range(len(whole))]
    flipped = [
        whole[:p] + bytes([whole[p] ^ 1 << bit]) + whole[p + 1 :]
        for p in range(len(whole))
        for bit in (0, 4, 7)
    ]
    for data in cut + flipped:
        path.write_bytes(data)
        with suppress(HaqaError):
            dimensions_of(path)


def test_dimensions_of_no_possible_model_are_told_before_a_process_starts():
    with (
        pytest.raises(HaqaError, match="the model's dimensions: layers is 513"),
        llama_hollow(LLAMA2_7B | {"layers": 513}),
    ):
        pass


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("~nobody-of-that-name/config.json", "home directory"),
        ("x" * 5000, "File name too long"),
        ("x" * 5000 + ".json", "File name too long"),
        ("none/config.json", "No such file"),
        ("/dev/null/config.json", "Not a directory"),
    ],
)
def test_what_names_no_model_without_weights_is_one_clear_line(source, message):
    with pytest.raises(HaqaError, match=message), file_of(source):
        pass


def test_a_folder_in_place_of_a_config_is_told(tmp_path):
    (tmp_path / "config.json").mkdir()

    with pytest.raises(HaqaError, match=r"is no config\.json of a model"), file_of(str(tmp_path)):
        pass


def test_a_config_that_is_not_there_is_told(tmp_path):
    with pytest.raises(HaqaError, match="No such file"):
        dimensions_of(tmp_path / "config.json")
