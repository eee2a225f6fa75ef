"""Formats made with an importance matrix, and recipes. Of a real model: test_live_imatrix.py."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_gguf
import tiny_matrix

from haqa_bench import suite
from haqa_bench.arithmetic.formats import RECIPES, bit_width_of, form_of
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.backends import gguf_models, importance, llama_cpp_memory, llama_programs
from haqa_bench.backends.gguf_models import Formats
from haqa_bench.backends.llama_cpp_memory import Foreseen
from haqa_bench.backends.llama_jobs import Contents, Quantize
from haqa_bench.backends.matrix_jobs import InspectMatrix, Matrix
from haqa_bench.backends.quality_jobs import Count, Counted
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tasks.folder import cache
from haqa_bench.tracks.deploy import llama_tools
from haqa_bench.tracks.deploy.in_formats import InFormats
from haqa_bench.tune import kept, matrix, minutes, space, windows
from haqa_bench.tune.wish import Wish

WISH = Wish("m.gguf", 10**12, kept.limits("kl=0.05"), "total", 20, "rules", 4096, 256, 64)
SIZES = {"own": 900, "Q8_0": 700, "Q6_K": 600, "Q5_K_M": 500, "Q4_K_M": 400}
"""MB of weights; of what is not named here, 300."""


def test_the_name_of_a_form_says_all_that_its_file_is_made_of():
    assert form_of("Q4_0") == ("Q4_0", {}, False)
    assert form_of("Q4_0+imatrix") == ("Q4_0", {}, True)
    recipe = form_of("Q4_K_M+v-down-Q6_K+imatrix")
    assert (recipe.format, set(recipe.tensors.values()), recipe.imatrix) == (
        "Q4_K_M",
        {"Q6_K"},
        True,
    )
    assert {bit_width_of(name) for name in RECIPES} == {"INT4", "INT5", "INT6"}


# What is tried


def test_with_a_matrix_each_format_that_it_matters_to_is_tried_with_it_and_not_without():
    plain, weighed = space.names(WISH), space.names(WISH._replace(imatrix="m.gguf"))

    assert plain == ["own", *space.FORMATS]
    assert weighed[:3] == ["own", "Q8_0", "Q6_K+imatrix"]
    assert weighed[-1] == "IQ2_XXS+imatrix"
    assert not set(weighed) & {*space.FORMATS} - {"Q8_0"}


@pytest.fixture
def planned(monkeypatch):
    """Sizes of a model whose file has 2 MB beside its weights."""

    def predict(path, names, *_):
        found = {}
        for name in names:
            embedded = 30 if "embd" in name else 0
            base = SIZES.get(form_of(name).format, 300) + (60 if "down" in name else 0)
            memory = Prediction((base + embedded) * 10**6, 0, 0, 0, 0, 0, 0)
            found[name] = Foreseen(memory, {form_of(name).format: base, "q8_0": embedded}, {})
        found["Q5_K_M+embd-Q8_0"] = found["Q5_K_M"]
        return found

    contents = SimpleNamespace(file_bytes=902 * 10**6, stored_bytes=900 * 10**6)
    formats = SimpleNamespace(contents=lambda name: contents)
    monkeypatch.setattr(space.gguf_models, "Formats", lambda path: formats)
    monkeypatch.setattr(llama_cpp_memory, "predict", predict)


def test_under_a_size_recipes_fill_what_formats_leave_and_none_is_the_default(planned):
    found = space.options(Path("m.gguf"), WISH._replace(size=470 * 10**6))

    assert found.fit[:3] == ["Q4_K_M", "Q4_K_M+v-down-Q6_K", "Q4_K_M+embd-Q8_0"]
    assert found.left_out["Q5_K_M"] == "a file of 502.0 MB is over 470.0 MB"


def test_what_a_file_holds_beside_its_weights_counts_for_its_size(planned):
    tight, enough = (space.options(Path("m.gguf"), WISH._replace(size=s)) for s in (401e6, 402e6))

    assert ("Q4_K_M" in tight.fit, "Q4_K_M" in enough.fit) == (False, True)


def test_a_recipe_that_makes_no_difference_to_a_model_is_left_out(planned):
    found = space.options(Path("m.gguf"), WISH._replace(size=950 * 10**6))

    assert found.left_out["Q5_K_M+embd-Q8_0"] == "is what Q5_K_M is"
    assert "Q4_0+embd-Q8_0" in found.fit
    assert not [n for n in space.options(Path("m.gguf"), WISH).fit if n in RECIPES]


# The files


@pytest.fixture
def quantized(monkeypatch):
    jobs = []

    def run_job(job, _):
        jobs.append(job)
        Path(job.target).write_bytes(b"GGUF")

    monkeypatch.setattr(gguf_models, "run_job", run_job)
    return jobs


def test_files_of_two_matrices_and_of_none_are_never_one(tmp_path, quantized):
    model = tiny_gguf.write(tmp_path / "model.gguf")
    one, other = (str(tiny_matrix.of_tiny(tmp_path / f"{n}.gguf", n)) for n in (1, 2))

    made = {
        Formats(model, tmp_path / "made", of).path(name)
        for name, of in (
            ("Q4_0", one),
            ("Q4_0", other),
            ("Q4_0+imatrix", one),
            ("Q4_0+imatrix", other),
        )
    }

    assert len(made) == len(quantized) == 3
    assert all(isinstance(job, Quantize) for job in quantized)
    assert [job.imatrix for job in quantized] == ["", one, other]
    assert {path.name for path in made if path.name != "Q4_0.gguf"} == {
        f"Q4_0+imatrix-{Formats(model, imatrix=of).imatrix_sha256[:16]}.gguf" for of in (one, other)
    }


def test_a_file_that_needs_a_matrix_is_not_made_without_one(tmp_path, quantized):
    model = tiny_gguf.write(tmp_path / "model.gguf")

    with pytest.raises(EvaluationFailed, match="made with an importance matrix, and none is given"):
        Formats(model, tmp_path).path("Q4_0+imatrix")
    with pytest.raises(HaqaError, match="no such importance matrix"):
        Formats(model, tmp_path, str(tmp_path / "none.gguf"))
    assert not quantized


def test_facts_and_what_a_run_was_made_of_name_the_matrix():
    class Evaluator(InFormats):
        def __init__(self, sha256):
            contents = Contents({"Q4_0": 32}, {"Q4_0": 32}, 1, 18, 99)
            self.formats = SimpleNamespace(
                sha256="0" * 64,
                random=False,
                imatrix_sha256=sha256,
                contents=lambda name: contents,
            )

        sample = None

    found = Evaluator("a" * 64)

    assert found.made_with == {"imatrix_sha256": "a" * 64}
    assert found.of_file("Q4_0+imatrix")["imatrix_sha256"] == "a" * 64
    assert "imatrix_sha256" not in found.of_file("Q4_0")
    assert Evaluator("").made_with == {}
    assert found.needs({"format": "Q4_0+imatrix"}) != Evaluator("b" * 64).needs(
        {"format": "Q4_0+imatrix"}
    )


def test_a_space_of_such_formats_needs_a_workload_with_a_matrix(project):
    path = project / "suites/small.yaml"
    words = path.read_text("utf-8").replace("Q4_0", "Q4_0+imatrix")
    path.write_text(words, "utf-8")

    with pytest.raises(HaqaError, match=r"Q4_0\+imatrix needs the file of an imatrix"):
        suite.load(path, project)


def test_the_line_for_llama_quantize_makes_the_same(tmp_path):
    source = tmp_path / "m.gguf"

    found = llama_tools.quantize(source, "Q4_K_M+embd-Q8_0+imatrix", "/i.gguf")

    assert found["llama-quantize"] == (
        "llama-quantize --allow-requantize --imatrix /i.gguf --tensor-type "
        f"'^(token_embd|output)\\.weight$=q8_0' {source} m-Q4_K_M+embd-Q8_0+imatrix.gguf Q4_K_M"
    )
    assert llama_tools.quantize(source, "own", "") == {}


# Matrices


def test_a_matrix_is_the_mean_squares_and_even_for_an_expert_without_tokens(tmp_path):
    pytest.importorskip("gguf")
    from haqa_bench.backends.workers import matrices

    sums = {"dense": np.array([[2.0, 4.0]]), "experts": np.array([[3.0, 6.0], [0.0, 0.0]])}
    path = tiny_matrix.write(tmp_path / "i.gguf", sums, {"dense": [2], "experts": [3, 0]})

    found = matrices.values(matrices.read(str(path)))

    assert {name: values.tolist() for name, values in found.items()} == {
        "dense": [1.0, 2.0],
        "experts": [1.0, 2.0, 1.0, 1.0],
    }


def test_what_a_matrix_covers_is_told_and_another_model_s_is_refused(tmp_path):
    from haqa_bench.backends.workers import matrices
    from haqa_bench.backends.workers.frame import Unusable

    model = str(tiny_gguf.write(tmp_path / "model.gguf"))
    own = tiny_matrix.of_tiny(tmp_path / "own.gguf")
    name = "blk.0.attn_q.weight"
    other = tiny_matrix.write(tmp_path / "other.gguf", {name: np.ones((1, 32))}, {name: [1]})

    found = matrices.inspect_matrix(InspectMatrix(imatrix=str(own), files=(model,)))

    assert (found.covered, found.matrices) == (14, 14)
    assert (found.chunks, found.chunk_tokens, found.datasets) == (3, 512, ("text.txt",))
    with pytest.raises(Unusable, match="is of another model: it has 32 values"):
        matrices.inspect_matrix(InspectMatrix(imatrix=str(other), files=(model,)))
    for path in (Path(model), tmp_path / "old.dat"):
        (tmp_path / "old.dat").write_bytes(b"\x02\x00\x00\x00 the older form")
        with pytest.raises(Unusable, match=r"no importance matrix|cannot read it"):
            matrices.read(str(path))


# How one is made


def program(folder: Path, script: str) -> Path:
    """A stand-in for llama-imatrix."""
    folder.mkdir()
    path = folder / importance.NAME
    path.write_text(f"#!{sys.executable}\nimport sys\nwords = sys.argv\n{script}\n")
    path.chmod(0o755)
    return path


WRITES = """
if "--version" in words:
    print("version: 1")
else:
    open("text.txt").read()
    open(words[words.index("-o") + 1], "w").write(" ".join(words[words.index("-c"):]))
"""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(importance, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv(llama_programs.TOOLS, str(tmp_path / "tools"))
    return tiny_gguf.write(tmp_path / "model.gguf"), tmp_path / "tools"


def test_a_matrix_is_made_once_of_a_text(folders):
    model, tools = folders
    path = program(tools, WRITES)

    made = importance.made(model, "words", 8)

    assert made.read_text().startswith("-c 512 -b 512 --chunks 8 --no-ppl")
    path.write_text(path.read_text() + "\nassert '--version' in words")
    assert importance.made(model, "words", 8) == made
    assert not list(made.parent.glob("*.partial"))


def test_folders_that_are_named_from_where_one_is_are_found_from_elsewhere(folders, monkeypatch):
    """The program is started in a folder of its own."""
    model, tools = folders
    program(tools, WRITES)
    monkeypatch.chdir(tools.parent)
    monkeypatch.setenv(llama_programs.TOOLS, "tools")
    monkeypatch.setenv("HAQA_BENCH_CACHE", "kept")
    monkeypatch.setattr(importance, "cache", cache)

    made = importance.made(model, "words", 8)

    assert made.is_absolute()
    assert made.is_relative_to(tools.parent / "kept")
    assert made.is_file()


def test_a_program_that_is_missing_or_refuses_is_told_in_a_line(folders, monkeypatch, tmp_path):
    model, tools = folders
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        HaqaError, match=r"llama-imatrix: .* is not in .*\. Take it from llama"
    ) as no:
        importance.made(model, "words", 8)
    assert "\n" not in str(no.value)

    program(tools, "sys.exit('you need at least 1024 tokens')")
    with pytest.raises(HaqaError, match="made no matrix: exit code 1: you need at least 1024"):
        importance.made(model, "words", 8)


# What a tuning asks for


def test_a_text_is_halved_between_two_lines():
    assert matrix.parted("aaaa\nbb\ncccccc\n") == ("aaaa\nbb\n", "cccccc\n")
    assert matrix.parted("abcdef") == ("abc", "def")


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A model whose text has a token for each character."""
    jobs = []

    def run_job(job, _):
        jobs.append(job)
        return (
            Counted(len(job.text)) if isinstance(job, Count) else Matrix(209, 210, 8, 512, ("t",))
        )

    def made(path, text, chunks):
        jobs.append((text, chunks))
        return tmp_path / "made.gguf"

    formats = SimpleNamespace(contents=lambda _: SimpleNamespace(parameters=10**8))
    monkeypatch.setattr(matrix, "run_job", run_job)
    monkeypatch.setattr(windows, "run_job", run_job)
    monkeypatch.setattr(matrix.importance, "made", made)
    monkeypatch.setattr(matrix.gguf_models, "Formats", lambda path: formats)
    return jobs


def test_quality_is_judged_on_no_token_that_the_matrix_was_made_of(asked, tmp_path):
    text, said = "".join(f"{n:0511}\n" for n in range(20)), []

    found = matrix.weighed(WISH._replace(imatrix="text"), Path("m.gguf"), text, said.append)

    (read, chunks), *_ = (job for job in asked if isinstance(job, tuple))
    assert (read + found.text, chunks) == (text, minutes.CHUNKS)
    assert found.wish.imatrix == str(tmp_path / "made.gguf")
    assert found.wish.windows == len(found.text) // 512 == 9
    assert minutes.divided(found.wish, 10**8, 10**8, 2).windows == 9
    assert said[-1].endswith("209 of the model's 210 matrices; the others are rounded without it.")


def test_a_text_too_short_for_both_is_told(asked):
    with pytest.raises(
        HaqaError, match=r"--text: its second half.* has 3,000 tokens.* 3,072 tokens"
    ):
        matrix.weighed(WISH._replace(imatrix="text"), Path("m.gguf"), "a" * 6000, print)


def test_a_file_leaves_the_text_whole(asked):
    found = matrix.weighed(WISH._replace(imatrix="i.gguf"), Path("m.gguf"), "words", lambda _: None)

    assert (found.text, found.wish.imatrix) == ("words", str(Path("i.gguf").absolute()))
    assert [type(job) for job in asked] == [InspectMatrix]
    assert matrix.weighed(WISH, Path("m.gguf"), "words", print) == (WISH, "words")


def test_a_text_of_the_user_s_is_counted_before_anything_is_measured(asked):
    short, long = "a" * 3071, "a" * 7 * 512
    for imatrix in ("", "i.gguf"):
        wish = WISH._replace(imatrix=imatrix)
        with pytest.raises(HaqaError, match=r"--text: the text, .* has 3,071 tokens.* 3,072"):
            matrix.weighed(wish, Path("m.gguf"), short, print, own=True)

        found = matrix.weighed(wish, Path("m.gguf"), long, lambda _: None, own=True).wish

        assert found.windows == minutes.divided(found, 10**8, 10**8, 2).windows == 7


def test_minutes_bound_what_a_matrix_is_made_of():
    few, many = (minutes.chunks(WISH._replace(minutes=m), 8 * 10**9, 2) for m in (1.0, 10_000.0))

    assert (few, many) == (minutes.FEWEST_CHUNKS, minutes.CHUNKS)
    without, within = (
        minutes.divided(WISH._replace(minutes=30.0, chunks=c), 10**8, 10**8, 2) for c in (0, 64)
    )
    assert within.seconds < without.seconds
