"""What llama.cpp makes of tiny models: whole, split, damaged, with sliding windows. `pytest -m live
tests/test_live_gguf.py`.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace

import gguf
import numpy as np
import pytest
import tiny_gguf

from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import llama_cpp_memory
from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_jobs import ONE_THREAD, Measure
from haqa_bench.backends.process import run_job
from haqa_bench.errors import EvaluationFailed, HaqaError, Status
from haqa_bench.tracks.deploy import llama_tools

pytestmark = pytest.mark.live

MIB = 2**20


def predict(path, n_ctx=256, settings=ONE_THREAD, name=OWN):
    return llama_cpp_memory.predict(path, [name], settings, n_ctx)[name]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def whole(models):
    return tiny_gguf.write(models / "whole.gguf")


def lora(folder):
    writer = gguf.GGUFWriter(folder / "lora.gguf", "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 16.0)
    for end, shape in (("lora_a", (4, 64)), ("lora_b", (64, 4))):
        writer.add_tensor(f"blk.0.attn_q.weight.{end}", np.zeros(shape, np.float16))
    tiny_gguf.finish(writer)


def faulty(folder, whole):
    """A file for each fault, by the words of llama.cpp that must be told."""
    data = whole.read_bytes()
    split = tiny_gguf.split(folder, "split")
    gap = tiny_gguf.split(folder, "gap")
    lora(folder)
    tiny_gguf.write(folder / "eyes.gguf", "clip")
    tiny_gguf.write(folder / "unknown.gguf", "nonsense")
    tiny_gguf.write(folder / "big.gguf", endian=gguf.GGUFEndian.BIG)
    tiny_gguf.write(folder / "no_blocks.gguf", blocks=False)
    tiny_gguf.write(folder / "no_weights.gguf", only=lambda name: False)
    tiny_gguf.write(folder / "no_output.gguf", only=lambda name: name != "output_norm.weight")
    tiny_gguf.write(folder / "odd_heads.gguf", heads=3)
    (folder / "v1.gguf").write_bytes(tiny_gguf.of_version(whole, 1))
    (folder / "v9.gguf").write_bytes(tiny_gguf.of_version(whole, 9))
    (folder / "type.gguf").write_bytes(tiny_gguf.of_type(whole, "output_norm.weight", 99))
    (folder / "cut.gguf").write_bytes(data[: len(data) // 2])
    (folder / "cut_early.gguf").write_bytes(data[:3000])
    (folder / "zeros.gguf").write_bytes(b"GGUF" + bytes(1000))
    shutil.copy(split.with_name(tiny_gguf.shard("split", 2)), folder / "second.gguf")
    gap.with_name(tiny_gguf.shard("gap", 3)).unlink()
    return {
        "eyes": "CLIP cannot be used as main model",
        "lora": "llama.context_length (it is of the type 'adapter')",
        "unknown": "unknown model architecture: 'nonsense'",
        "big": "mismatch between the host and model endianness",
        "no_blocks": "key not found in model: llama.block_count",
        "no_weights": "tensor 'token_embd.weight' not found",
        "no_output": "tensor 'output_norm.weight' not found",
        "odd_heads": "llama.cpp cannot plan it, and ended by SIGABRT: ggml.c:",
        "v1": "GGUFv1 is no longer supported",
        "v9": "version 9 but this software only supports up to version 3",
        "type": "tensor 'output_norm.weight' has invalid ggml type 99",
        "cut": "is not within the file bounds, model is corrupted or incomplete",
        "cut_early": "failed to read key-value pairs",
        "zeros": "bad GGUF version: 0",
        "second": "illegal split file idx: 1 (file: ",
        "gap-00001-of-00003": "gap-00003-of-00003.gguf",
    }


def test_a_model_that_llama_cpp_refuses_says_llama_cpp_s_own_reason(whole, models):
    causes = faulty(models, whole)

    told = {name: why_not(models / f"{name}.gguf") for name in causes}

    assert {name: said for name, said in told.items() if causes[name] not in said} == {}
    assert not any("\n" in said or "/vendor/" in said for said in told.values())


def test_each_command_tells_the_reason_in_one_line(cli, models, whole, tmp_path):
    path = models / "one.gguf"
    path.write_bytes(tiny_gguf.of_version(whole, 1))

    done = [cli("memory", path), cli("tune", path, "--output", tmp_path / "o")]
    with pytest.raises(EvaluationFailed, match="quantizer returned 1: GGUFv1 is no longer"):
        Formats(path, tmp_path).path("Q8_0")
    with pytest.raises(EvaluationFailed, match="GGUFv1 is no longer"):
        run_job(measure(path), 60)

    for one in done:
        assert one.returncode == 2
        assert one.stderr.startswith(f"haqa-bench: {path}: GGUFv1 is no longer supported")
        assert one.stderr.count("\n") == 1


def measure(path):
    return Measure(
        model=str(path), settings=ONE_THREAD, n_ctx=256, n_prompt=8, n_generate=2, repeats=1
    )


@pytest.mark.parametrize("metadata_first", [True, False])
def test_a_split_model_is_planned_inspected_quantized_and_run_as_the_whole_one(
    whole, tmp_path, metadata_first
):
    first = tiny_gguf.split(tmp_path, "split", metadata_first=metadata_first)
    formats, one = Formats(find(str(first)), tmp_path / "cache"), Formats(whole, tmp_path / "cache")

    assert predict(first)[1:] == predict(whole)[1:]
    contents = formats.contents(OWN)
    assert contents.parameters == tiny_gguf.PARAMETERS
    assert (contents.multiplied, contents.layers) == (one.contents(OWN).multiplied, 2)
    assert contents.file_bytes == sum(file.stat().st_size for file in tmp_path.glob("split-*"))
    assert formats.path("Q8_0").stat().st_size == pytest.approx(
        one.path("Q8_0").stat().st_size, abs=200
    )
    assert len(run_job(measure(first), 60).samples) == 1


def test_a_split_model_is_tuned(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    first = tiny_gguf.split(tmp_path, "split")

    done = cli(
        *("tune", first, "--output", tmp_path / "o", "--budget", "2", "--json", "--n-ctx", "512"),
        *("--n-prompt", "16", "--n-generate", "4", "--memory", "1GB"),
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["format"]["parameters"] == str(tiny_gguf.PARAMETERS)
    assert told["commands"]["llama-server"].endswith(f" {llama_tools.ONE_SLOT}")


def test_a_path_that_is_not_utf_8_is_planned_and_run(whole, tmp_path):
    path = tmp_path / os.fsdecode(b"m\xff.gguf")
    shutil.copy(whole, path)

    assert predict(path).memory.weights > 0
    assert len(run_job(measure(path), 60).samples) == 1
    assert Formats(path, tmp_path).path("Q8_0").is_file()
    assert Formats(path, tmp_path).contents(OWN).layers == 2


GEMMA3_12B = {
    "model_type": "gemma3_text",
    "hidden_size": 3840,
    "intermediate_size": 15360,
    "num_attention_heads": 16,
    "num_hidden_layers": 48,
    "num_key_value_heads": 8,
    "sliding_window": 1024,
}
N_CTX, N_UBATCH = 32768, 512
POSITION = 2 * 8 * 256 * 2
"""Bytes of a position in a layer: keys and values, 8 heads of 256, float16."""
LOCAL, FULL = 40, 8
"""Each sixth of 48 layers attends to all that was said."""

AS_PROGRAMS_DO = """
import ctypes, llama_cpp as llama, sys
log = llama.llama_log_callback(lambda level, text, _: sys.stderr.write(text.decode()))
llama.llama_log_set(log, ctypes.c_void_p(0))
model = llama.llama_model_default_params()
model.no_alloc, model.n_gpu_layers, model.load_mode = True, 0, llama.LLAMA_LOAD_MODE_NONE
loaded = llama.llama_model_load_from_file(sys.argv[1].encode(), model)
context = llama.llama_context_default_params()
slots = int(sys.argv[3])
context.n_ctx, context.swa_full = int(sys.argv[2]), False
context.n_seq_max, context.n_outputs_max, context.kv_unified = slots, slots, slots > 1
assert llama.llama_init_from_model(loaded, context)
"""
"""common_params of llama.cpp's common/common.h, as common_context_params_to_llama hands them on."""


def planned(path, slots):
    command = [sys.executable, "-c", AS_PROGRAMS_DO, str(path), str(N_CTX), str(slots)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    from haqa_bench.backends.workers.llama_cpp_memory import CACHE, COMPUTE

    patterns = (CACHE, COMPUTE)
    return [sum(float(size) for size in found.findall(done.stderr)) * MIB for found in patterns]


def test_gemma_3_12b_takes_what_llama_cpp_s_programs_plan(tmp_path):
    """Sliding windows are kept as long as they are, padded to 256, and a batch more."""
    (tmp_path / "config.json").write_text(json.dumps(GEMMA3_12B))
    window = -(-(1024 + N_UBATCH) // 256) * 256
    by_hand = POSITION * (LOCAL * window + FULL * N_CTX)

    with llama_cpp_memory.file_of(str(tmp_path)) as path:
        found = predict(path, N_CTX, name="Q4_K_M").memory
        cache, compute = planned(path, 1)
        of_four_slots, _ = planned(path, 4)

    assert found.cache == pytest.approx(by_hand, rel=1e-4)
    assert (found.cache, found.compute) == pytest.approx((cache, compute), rel=0.01)
    assert found.weights == pytest.approx(7.3e9, rel=0.005)  # its published Q4_K_M file
    four = -(-(4 * 1024 + N_UBATCH) // 256) * 256
    assert of_four_slots == pytest.approx(POSITION * (LOCAL * four + FULL * N_CTX), rel=1e-4)


def test_a_model_with_sliding_windows_peaks_where_it_is_predicted_to(cli_process, tmp_path):
    """Weights that are a hole are read as zeros: their memory is as real."""
    sizes = {"hidden": 256, "feed_forward": 1024, "layers": 12, "heads": 4, "head_size": 128}
    with llama_cpp_memory.hollow(sizes | {"vocabulary": 8192, "tied": 1, "window": 256}) as path:
        real = llama_cpp_memory.peak(path, ONE_THREAD, 8192)
        found = predict(path, 8192).memory

    assert found.peak == pytest.approx(real, rel=0.05)
    assert found.safe >= real
    assert found.cache < 8192 * 12 * 2 * 4 * 128 * 2 / 3


def bert(path):
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(128)
    writer.add_head_count(2)
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_vocab_size(64)
    writer.add_tokenizer_model("no_vocab")
    writer.add_token_type_count(2)
    shapes = {"token_embd": (64, 64), "token_types": (2, 64), "position_embd": (512, 64)}
    shapes |= {"blk.0.ffn_up": (128, 64), "blk.0.ffn_down": (64, 128)}
    shapes |= {f"blk.0.attn_{name}": (64, 64) for name in ("q", "k", "v", "output")}
    norms = ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm")
    biases = {name: shape[:1] for name, shape in shapes.items() if name.startswith("blk")}
    for name, shape in {**shapes, **dict.fromkeys(norms, (64,))}.items():
        writer.add_tensor(f"{name}.weight", np.zeros(shape, np.float32))
    for name, shape in {**biases, **dict.fromkeys(norms, (64,))}.items():
        writer.add_tensor(f"{name}.bias", np.zeros(shape, np.float32))
    tiny_gguf.finish(writer)
    return path


def test_a_model_that_reads_a_whole_text_at_once_is_not_given_parts(tmp_path):
    path = bert(tmp_path / "bert.gguf")

    assert llama_cpp_memory.peak(path, ONE_THREAD, 512) > 0
    assert predict(path, 1024).n_ctx_train == 512
    with pytest.raises(EvaluationFailed, match="1024 tokens needs an n_ubatch of as many, not 512"):
        llama_cpp_memory.peak(path, ONE_THREAD, 1024)
    with pytest.raises(EvaluationFailed, match="512 tokens needs an n_ubatch of as many, not 128"):
        llama_cpp_memory.peak(path, replace(ONE_THREAD, n_ubatch=128), 512)


def test_a_context_beyond_what_a_model_was_trained_for_is_warned_of(cli, whole):
    done = cli("memory", whole, "--formats", "Q8_0", "--n-ctx", 4096)

    assert done.returncode == 0
    assert done.stderr == (
        f"{whole}: was trained for 2,048 tokens; what it says beyond them is of no worth.\n"
    )


def test_a_plan_of_too_many_tokens_ends_where_its_memory_does(whole):
    with pytest.raises(EvaluationFailed, match=r"more than 4\.3 GB of memory") as failure:
        predict(whole, 2**31 - 1)
    assert failure.value.status == Status.OOM


def test_damaged_models_are_planned_or_refused_in_one_line(whole, tmp_path):
    """Cut and flipped anywhere in the header: 24 files of one seed."""
    data, chance = whole.read_bytes(), random.Random(18)
    header = data.index(b"token_embd.weight") + 2000
    for number in range(24):
        place, path = chance.randrange(4, header), tmp_path / f"{number}.gguf"
        flipped = bytes([data[place] ^ 1 << chance.randrange(8)])
        path.write_bytes(data[:place] + (flipped + data[place + 1 :] if number % 2 else b""))
        if said := why_not(path):
            assert "\n" not in said
            assert "Error" not in said


def why_not(path):
    """Why a file is not planned; nothing where it is."""
    try:
        predict(path)
    except (EvaluationFailed, HaqaError) as failure:
        return str(failure)
    return ""
