"""A project of models that are deployed with made-up results: tests of figure 5, of table 4 and of
random weights share it. Nothing is measured.

INT4 of `Seven` gains 1.3 times; its INT8 gains nothing, and of `Own`'s tuning saw 1.02 times, which
its pairs leave undecided; `Thirteen` at FP16 does not fit; `Seven` with a free format gains 1.4
times, by fewer bits.
"""

import math
import shutil
from pathlib import Path

from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.cell import Cell
from haqa_bench.project import Project
from haqa_bench.space import key_of
from haqa_bench.store import journal, manifest, tables

SEVEN = (
    "{architecture: llama, parameters: 1443072, synthetic: true, dimensions: {layers: 2, "
    "hidden: 256, feed_forward: 512, heads: 4, kv_heads: 4, vocabulary: 512, tied: 1}}"
)
SUITE = f"""\
name: deployed
layout: paper
models:
  Seven: {SEVEN}
  Thirteen: {SEVEN}
  openLLaMA-3B: {SEVEN}
  Own: {{gguf: package:none, architecture: llama, parameters: 1000}}
methods:
  - {{name: default, optimizer: default, seeds: [0]}}
  - {{name: random, optimizer: random, cells: &tuned ["*-int*", "*-fp16*", "seven*"]}}
  - {{name: rules, optimizer: rules, seeds: [0]}}
  - {{name: haqa, optimizer: random, seeds: [0], cells: *tuned}}
seeds: [0, 1, 2]
labels: {{epyc-zen4-2core: "EPYC Zen 4, 2 cores"}}
definitions:
  settings: &settings
    n_threads: {{choices: [1, 2], default: 2}}
    flash_attn: {{choices: ["off", "on"], default: "off"}}
  work: &work {{n_ctx: 512, n_prompt: 128, n_generate: 32, memory_gb: 24.0}}
  goal: &goal {{metric: end_to_end_tokens_per_s, unit: tokens/s}}
cells:
  - &fixed
    track: deploy
    measurement: {{pairs: 6}}
    models: [Seven, Own]
    bit_widths: [INT4]
    hardware: [epyc-zen4-2core]
    space: {{format: {{choices: [Q4_0], default: Q4_0}}, <<: *settings}}
    workload: *work
    objective: *goal
    budget: {{proposals: 5}}
  - <<: *fixed
    models: [Seven]
    bit_widths: [INT8]
    workload: {{<<: *work, n_prompt: 64, confirm: {{n_prompt: 128, n_generate: 32}}}}
    space: {{format: {{choices: [Q8_0], default: Q8_0}}, <<: *settings}}
  - <<: *fixed
    models: [Thirteen]
    bit_widths: [FP16]
    space: {{format: {{choices: [F16], default: F16}}, <<: *settings}}
  - <<: *fixed
    models: [Seven]
    bit_widths: [any]
    space: {{format: {{choices: [Q4_K_M, Q4_0], default: Q4_K_M}}, <<: *settings}}
    objective: {{<<: *goal, also: [{{metric: peak_memory_mb}}]}}
  - <<: *fixed
    models: [openLLaMA-3B, Own]
    bit_widths: [any]
    space:
      format: {{choices: [F16, Q8_0, Q4_K_M, Q4_0], default: F16}}
      n_threads: {{choices: [2], default: 2}}
    objective: {{metric: generation_tokens_per_s, unit: tokens/s}}
"""
BITS = {"Q4_0": 4.55, "Q4_K_M": 4.83, "Q8_0": 8.51, "F16": 16.0}
GAINS = {
    "seven-int4": (1.3, 1.31),
    "seven-int8": (1.0, 1.0),
    "own-int4": (1.02, 1.002),
    "seven-any": (1.4, 1.4),
    "openllama": (1.0, 1.0),
    "own-any": (1.0, 1.0),
}
"""How many times as fast as the default the winner is, as tuning saw it, and in pairs."""
REFUSED = (
    "not loaded: does not fit 24000 MB: weights 26032.6 + cache 419.4 = 26452.0 MB, with 5 % "
    "margin 27774.6 MB"
)


def deployed_project(folder: Path, text: str = SUITE, confirmed: bool = True) -> Path:
    """A project with the suite, its tables and its pairs."""
    for name in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "suites").mkdir()
    path = folder / "suites" / "deployed.yaml"
    path.write_text(text)
    for cell in suite.load(path, folder).cells:
        tables.write(Project(folder).table(cell), card_of(cell), rows_of(cell))
        if confirmed and gain_of(cell):
            lines = [pair_card(cell), *pairs_of(cell)]
            manifest.write(Project(folder).confirmed(cell), journal.finished(lines))
    return folder


def card_of(cell: Cell) -> dict:
    return {"cell": cell.id, "workload": cell.workload.model_dump(mode="json")}


def gain_of(cell: Cell) -> tuple[float, float] | None:
    return next((gain for name, gain in GAINS.items() if cell.id.startswith(name)), None)


def winner_of(cell: Cell) -> dict:
    """What is fastest: fused attention; where nothing gains, the default."""
    gain = gain_of(cell)
    if gain is None or gain[0] == 1.0:
        return dict(cell.space.default)
    fewer = {"format": "Q4_0"} if cell.bit_width == "any" else {}
    return {**cell.space.default, "flash_attn": "on", **fewer}


def rows_of(cell: Cell) -> list[dict]:
    """Two passes of each configuration; of a cell that does not fit, none."""
    gain, winner = gain_of(cell), winner_of(cell)
    rows = []
    for configuration in cell.space.grid():
        speed = 20.0 * BITS["Q4_0"] / BITS[configuration["format"]]
        if "flash_attn" in configuration and configuration != cell.space.default:
            speed *= gain[0] if gain and configuration == winner else 0.9
        told = {"readings": [], "status": "oom", "reason": REFUSED, "facts": {}}
        if gain:
            name = cell.objective.metric
            peak = 100.0 * BITS[configuration["format"]]
            readings = [
                {"name": name, "unit": "tokens/s", "samples": [speed, speed]},
                {"name": "peak_memory_mb", "unit": "MB", "samples": [peak]},
            ]
            facts = {"bits_per_weight": f"{BITS[configuration['format']]:.3f}"}
            told = {"readings": readings, "status": "ok", "reason": "", "facts": facts}
        key = key_of(configuration)
        rows += [{"configuration": key, "pass": number, **told} for number in (0, 1)]
    return rows


def pair_card(cell: Cell) -> dict:
    return {
        "kind": "card",
        "format": 1,
        "cell": cell.id,
        "workload": cell.confirming.workload.model_dump(mode="json"),
        "default": key_of(cell.space.default),
        "metric": cell.objective.metric,
        "unit": "tokens/s",
        "machine": "a test machine",
        "haqa_bench": "0",
    }


def pairs_of(cell: Cell) -> list[dict]:
    """Eight pairs of the default against itself, all alike, and of the winner, 1 % apart."""
    gain = gain_of(cell)
    if gain is None:
        return []
    floor = [_pair(key_of(cell.space.default), number, 20.0, 20.0) for number in range(8)]
    if gain[0] == 1.0:
        return floor
    apart = [gain[1] * (1 + 0.01 * math.sin(number)) for number in range(8)]
    key = key_of(winner_of(cell))
    return [*floor, *(_pair(key, number, 20.0, 20.0 * ratio) for number, ratio in enumerate(apart))]


def _pair(key: str, number: int, default: float, tuned: float) -> dict:
    return {
        "kind": "pair",
        "configuration": key,
        "pair": number,
        "first": "default",
        "date": "2026-11-28",
        "others": 0.0,
        "failed": "",
        "default": default,
        "default_samples": [default],
        "tuned": tuned,
        "tuned_samples": [tuned],
    }
