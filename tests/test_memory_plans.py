"""What is printed of plans of memory: the sum where ours differ from the paper's, other lengths of
the context, and measured peaks beside predicted ones; all made up.
"""

import json
import shutil

import pytest
from command import InProcess
from support import REPOSITORY, row_texts

from haqa_bench import suite
from haqa_bench.arithmetic.memory import Prediction
from haqa_bench.project import Project, open_run
from haqa_bench.report.figures import album
from haqa_bench.report.paper import catalogue as paper
from haqa_bench.report.tables import catalogue
from haqa_bench.space import key_of
from haqa_bench.store import tables

SUITE = """\
name: limits
layout: paper
models:
  LLaMA2-13B:
    synthetic: true
    architecture: llama
    parameters: 13015864320
    dimensions:
      {layers: 40, hidden: 5120, feed_forward: 13824, heads: 40, kv_heads: 40, vocabulary: 32000}
methods: [{name: default, optimizer: default}]
seeds: [0]
definitions:
  choice: &choice {choices: [none, INT4, INT8, FP16], default: FP16}
cells:
  - track: memory
    models: [LLaMA2-13B]
    bit_widths: [any]
    hardware: [epyc-zen4-2core]
    workload:
      limits_gb: [4, 12, 20, 28]
      n_ctx: 512
      contexts: [4096]
      plan: hardware
      peaks: [F16, Q4_0]
    space:
      within_4_gb: *choice
      within_12_gb: *choice
      within_20_gb: *choice
      within_28_gb: *choice
    objective: {metric: right_choices, unit: "%"}
    budget: {proposals: 2}
"""
WEIGHTS = {"FP16": 26.0326e9, "INT8": 13.83e9, "INT4": 7.87e9}
CELL = "llama2-13b-any-epyc-zen4-2core-memory-planned"


def size(weights, n_ctx):
    return Prediction(int(weights), 0, n_ctx * 819_200, 100_000_000, 0, 0, 50_000_000)


def readings(predicted, *measured):
    told = [{"name": n, "unit": "B", "samples": [float(v)]} for n, v in predicted._asdict().items()]
    more = {"name": "measured_peak", "unit": "B", "samples": [*map(float, measured)]}
    return told + ([more] if measured else [])


def row(key, readings, facts=None):
    told = {"configuration": key_of(key), "pass": 0, "status": "ok", "reason": ""}
    return told | {"facts": facts or {}, "readings": readings}


def rows():
    for n_ctx, key in ((512, {}), (4096, {"n_ctx": 4096})):
        for bits, weights in WEIGHTS.items():
            yield row({"bit_width": bits, **key}, readings(size(weights, n_ctx)))
    here = {"machine": "a machine", "measured": "2026-11-28", "llama_cpp_python": "0.3.36"}
    small, large = size(7.4e9, 512), size(26.0326e9, 512)
    seen = {**here, "weights": "random", "not_loaded": ""}
    yield row({"format": "Q4_0"}, readings(small, 7.9e9, 7.92e9, 7.94e9), seen)
    why = {**here, "weights": "random", "not_loaded": "not loaded: does not fit 25,000 MB"}
    yield row({"format": "F16"}, readings(large), why)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    for name in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / name, folder / name)
    path = folder / "suites" / "limits.yaml"
    path.parent.mkdir()
    path.write_text(SUITE)
    (cell,) = suite.load(path, folder).cells
    model, work = (part.model_dump(mode="json") for part in (cell.model, cell.workload))
    card = {"cell": cell.id, "model": model, "workload": work, "hardware": cell.hardware.name}
    tables.write(Project(folder).table(cell), {**card, "source": "simulated"}, list(rows()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAQA_BENCH_SHIPPED", "")
        patch.setenv("HAQA_BENCH_PROGRESS", "off")
        patch.setenv("COLUMNS", "100")
        done = InProcess()("run", path, "--project", folder, "--runs", folder / "runs")
        assert done.returncode == 0, done.stderr
        yield folder


@pytest.fixture(scope="module")
def made(home):
    with open_run(next((home / "runs/limits").iterdir())) as run:
        yield catalogue.tables(run, Project(home)), paper.tables(run, Project(home))["table5"]


def by_key(table):
    return dict(zip(map(str, table.keys), row_texts(table), strict=True))


def test_a_decision_that_is_not_the_papers_has_its_sum(made):
    _, theirs = made
    ours = {r[1]: r[2:5] for r in theirs.cells if r[theirs.headings.index("Whose")] == "ours"}
    remark = next(note for note in theirs.notes if note.startswith(f"{CELL}: "))

    assert list(ours.values()) == [
        ["no", "no", "no"],
        ["no", "no", "yes"],
        ["no", "yes", "yes"],
        ["yes", "yes", "yes"],
    ]
    assert "INT8 is Q8_0 (8.50 bits)" in remark
    assert "512 tokens of context" in remark


def test_what_another_context_changes_is_one_sentence(made):
    _, theirs = made
    remark = next(note for note in theirs.notes if note.startswith(f"{CELL}: "))

    assert "At 4,096 tokens of context: 28 GB FP16 no" in remark


def test_the_context_has_a_table(made):
    table = made[0]["table5-contexts"]
    rows = by_key(table)

    assert rows[f"{CELL}/512_tokens"]["Fits 28 GB"] == "FP16"
    assert rows[f"{CELL}/4096_tokens"]["Fits 28 GB"] == "INT8"
    assert rows[f"{CELL}/4096_tokens"]["Weights"] == "weights: random"


def test_peaks_stand_beside_predictions_and_what_does_not_fit_says_why(made):
    table = made[0]["table5-peaks"]
    rows = by_key(table)

    assert rows[f"{CELL}/Q4_0"]["Measured, MB"] == "7,920"
    assert rows[f"{CELL}/Q4_0"]["Off by"] == "-0.6 %"
    assert rows[f"{CELL}/F16"]["Measured, MB"] == ""
    assert rows[f"{CELL}/F16"]["Not measured since"] == "not loaded: does not fit 25,000 MB"


@pytest.mark.parametrize(
    "number",
    ["table5-peaks:CELL/Q4_0", "table5-contexts:CELL/4096_tokens", "table5:CELL/28_gb"],
)
def test_every_number_of_them_is_explained(home, number, cli):
    folder = next((home / "runs/limits").iterdir())

    done = cli("explain", folder, number.replace("CELL", CELL), "--project", home, "--json")

    assert done.returncode == 0, done.stderr + done.stdout
    assert json.loads(done.stdout)["agrees"]


def test_a_picture_has_predicted_and_measured_peaks_and_the_limits(home, tmp_path):
    with open_run(next((home / "runs/limits").iterdir())) as run:
        drawn = album.write(run, Project(home), tmp_path, ["memory"]).drawn

    assert "memory-peaks" in drawn
    caption = (tmp_path / "memory-peaks.txt").read_text("utf-8")
    assert "Weights: random" in caption
    assert "LLaMA2-13B F16 predicted 26.6 GB, not loaded" in caption
    assert (tmp_path / "memory-peaks-dark.png").is_file()
