"""llama.cpp's own server under a load of several users: `pytest -m live tests/test_live_serve.py`.

It needs a llama-server, in the folder that HAQA_BENCH_LLAMA_TOOLS names or on PATH.
"""

import pytest
import tiny_gguf
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.backends import llama_programs
from haqa_bench.errors import EvaluationFailed, HaqaError
from haqa_bench.tracks.serve import command
from haqa_bench.tracks.serve.evaluator import ServeEvaluator

pytestmark = pytest.mark.live
SUITE = """
name: tiny
models: {{tiny: {{gguf: {model}, architecture: llama, parameters: 1}}}}
methods: [{{name: default, optimizer: default}}]
seeds: [0]
cells:
  - track: serve
    models: [tiny]
    bit_widths: [FP16]
    hardware: [epyc-zen4-2core]
    workload: {{users: 3, prompts: [100, 20], answers: [40, 10], requests: 2, repeats: 2,
      n_ctx: 256, slo: {{first_token_ms: 60000, between_tokens_ms: 60000}}, {more}}}
    space:
      format: {{choices: [F16], default: F16}}
      n_threads: {{choices: [1], default: 1}}
      parallel: {{choices: [1, 4], default: 4}}
      kv_unified: {{choices: [true, false], default: true}}
      speculation: {{choices: [none, ngram-simple, ngram-mod, ngram-map-k, ngram-cache{kind}],
        default: none}}
    objective: {{metric: goodput_per_s}}
    budget: {{proposals: 2}}
"""
TEXT = "w1 w2 w3 w4 w5 " * 200


@pytest.fixture
def evaluator(tmp_path, monkeypatch):
    try:
        llama_programs.found(command.NAME)
    except HaqaError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    model = tiny_gguf.write(tmp_path / "tiny.gguf", heads=2)

    def made(more="timeout_s: 120", draft=False):
        path = tmp_path / "tiny.yaml"
        (tmp_path / "words.txt").write_text(TEXT)
        more, kind = (f"draft: {model}, {more}", ", draft-simple") if draft else (more, "")
        path.write_text(SUITE.format(model=model, more=more, kind=kind))
        return ServeEvaluator(suite.load(path, REPOSITORY).cells[0])

    return made


def values(outcome):
    return {m.name: m for m in outcome.measurements}


def test_users_are_served_and_both_clocks_agree(evaluator):
    made = evaluator()

    outcome = made.sample(made.cell.space.default, 0)

    found = values(outcome)
    assert found["within_slo"].samples == (1.0, 1.0)
    assert found["goodput_per_s"].value > 0
    assert found["answer_tokens_per_s"].value > 0
    assert 0 < found["first_token_ms_p50"].value <= found["first_token_ms_p95"].value
    assert found["llama_prompt_ms_p50"].value <= found["first_token_ms_p50"].value
    assert found["peak_memory_mb"].value > 1
    assert outcome.facts["slots"] == "4"
    assert int(outcome.facts["n_ctx_slot"]) >= 3 * 256
    assert outcome.facts["llama_server"].startswith("version")
    assert "failed_requests" not in outcome.facts
    assert "clock_disagrees" not in outcome.facts


def test_one_slot_makes_users_wait(evaluator):
    made = evaluator()
    default = made.cell.space.default

    alone = values(made.sample({**default, "parallel": 1}, 0))
    apart = made.sample({**default, "kv_unified": False}, 0)

    waited = alone["first_token_ms_p95"].value
    assert waited > alone["llama_prompt_ms_p50"].value
    assert int(apart.facts["n_ctx_slot"]) == 256


@pytest.mark.parametrize("kind", ["ngram-simple", "ngram-mod", "ngram-map-k", "ngram-cache"])
def test_what_guesses_from_the_text_is_taken_by_the_server(evaluator, kind):
    made = evaluator("text: words.txt")

    found = made.sample({**made.cell.space.default, "speculation": kind, "draft_max": 8}, 0)

    assert values(found)["within_slo"].samples == (1.0, 1.0)
    assert float(found.facts["text_rounds"]) > 0


def test_a_model_that_drafts_for_itself_is_always_right(evaluator):
    made = evaluator(draft=True)
    drafting = {"speculation": "draft-simple", "draft_max": 4, "draft_p_min": 0.0}

    found = values(made.sample({**made.cell.space.default, **drafting}, 0))

    assert found["drafted_accepted"].value > 0.5  # batches of other sizes round otherwise


def test_a_setting_that_the_server_refuses_is_a_status(evaluator):
    made = evaluator()
    refused = {"flash_attn": "off", "type_v": "q8_0"}

    with pytest.raises(EvaluationFailed):
        made.sample({**made.cell.space.default, **refused}, 0)
