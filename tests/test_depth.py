"""A cache that is filled before what is timed, on a tiny model: `pytest -m live
tests/test_depth.py`.
"""

import pytest
import tiny_gguf
from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator

pytestmark = pytest.mark.live
SUITE = """
name: tiny
models: {{tiny: {{gguf: {model}, architecture: llama, parameters: 1}}}}
methods: [{{name: default, optimizer: default}}]
seeds: [0]
cells:
  - track: deploy
    models: [tiny]
    bit_widths: [FP16]
    hardware: [epyc-zen4-2core]
    workload: {{n_ctx: 512, n_prompt: 8, n_generate: 4, repeats: 2, quality_tokens: 3, {more}}}
    space:
      format: {{choices: [F16], default: F16}}
      n_threads: {{choices: [1], default: 1}}
      n_ubatch: {{choices: [32, 512], default: 512}}
      flash_attn: {{choices: ["auto", "off"], default: "auto"}}
      type_v: {{choices: [f16, q8_0], default: f16}}
    objective: {{metric: end_to_end_tokens_per_s}}
    budget: {{proposals: 2}}
"""


@pytest.fixture
def cell(tmp_path, monkeypatch):
    monkeypatch.setenv("HAQA_BENCH_CACHE", str(tmp_path / "cache"))
    model = tiny_gguf.write(tmp_path / "tiny.gguf", heads=2)

    def made(more):
        path = tmp_path / "tiny.yaml"
        path.write_text(SUITE.format(model=model, more=more))
        return suite.load(path, REPOSITORY).cells[0]

    return made


def filled(tmp_path):
    return sorted((tmp_path / "cache" / "filled").glob("*"))


def test_a_cache_is_filled_once_and_read_by_each_trial(cell, tmp_path):
    deep = cell("depth: 300")
    evaluator = DeployEvaluator(deep)

    first = evaluator.sample(deep.space.default, 0)
    (made,) = filled(tmp_path)
    written = made.stat().st_mtime_ns
    again = evaluator.sample({**deep.space.default, "n_ubatch": 32}, 1)

    assert deep.id.endswith("-depth300")
    assert first.facts["depth"] == again.facts["depth"] == "300"
    assert made.stat().st_mtime_ns == written
    assert len(filled(tmp_path)) == 1
    assert all(len(m.samples) == 2 for m in again.measurements if m.name.endswith("tokens_per_s"))


def test_caches_that_lie_otherwise_are_filled_apart(cell, tmp_path):
    deep = cell("depth: 300")
    evaluator = DeployEvaluator(deep)

    for change in ({}, {"flash_attn": "off"}, {"type_v": "q8_0"}):
        evaluator.sample({**deep.space.default, **change}, 0)

    assert len(filled(tmp_path)) == 3


def test_a_damaged_cache_is_a_status(cell, tmp_path):
    evaluator = DeployEvaluator(deep := cell("depth: 16"))
    evaluator.sample(deep.space.default, 0)
    filled(tmp_path)[0].write_bytes(b"no state")

    with pytest.raises(EvaluationFailed, match="cache's contents cannot be read") as caught:
        evaluator.sample(deep.space.default, 1)
    assert caught.value.status == Status.REFUSED
