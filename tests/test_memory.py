"""What a model takes: sums, sizes and limits, and models without weights. What llama.cpp makes of
them: test_live.py.
"""

import json

import gguf
import pytest

from haqa_bench.arithmetic.memory import Prediction, bytes_of
from haqa_bench.backends.llama_cpp_memory import is_hollow
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


@pytest.mark.parametrize("text", ["", "GB", "12XB", "-1GB", "1e9", "0GB"])
def test_what_is_no_size_is_told(text):
    with pytest.raises(HaqaError, match="is no size"):
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
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not the config of a model of llama"),
        (json.dumps(CONFIG | {"model_type": "qwen2"}), "Give its GGUF file instead"),
        (
            json.dumps({k: v for k, v in CONFIG.items() if k != "vocab_size"}),
            "'vocab_size' is missing",
        ),
        (
            json.dumps(CONFIG | {"num_attention_heads": 0}),
            "'num_attention_heads' is missing, or no whole number above 0",
        ),
        (
            json.dumps(CONFIG | {"head_dim": "x"}),
            "'head_dim' is missing, or no whole number above 0",
        ),
        (
            json.dumps(CONFIG | {"hidden_size": "8"}),
            "'hidden_size' is missing, or no whole number above 0",
        ),
    ],
)
def test_a_config_that_is_none_is_told(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_text(text)

    with pytest.raises(HaqaError, match=message):
        dimensions_of(path)


def test_a_config_that_is_not_there_is_told(tmp_path):
    with pytest.raises(HaqaError, match="No such file"):
        dimensions_of(tmp_path / "config.json")
