"""A cell whose source may be rewritten, and what measures it without compiling."""

import json
import shutil
import sys
import types

from support import REPOSITORY

from haqa_bench import suite
from haqa_bench.errors import EvaluationFailed, Status
from haqa_bench.tracks.kernel.folder import FOLDER
from haqa_bench.tracks.kernel.jobs import Measured

SUITE = """\
name: rewriting
title: Kernels that an agent may rewrite
models:
  Net: {architecture: llama, parameters: 134515008, dimensions: {hidden: 64, heads: 9}}
methods:
  - {name: default, optimizer: default, seeds: [0]}
  - {name: random, optimizer: random}
  - name: haqa
    optimizer: haqa
    options: {rewrites: true}
    chat: {model: test, temperature: 0.0, max_tokens: 4096}
seeds: [0]
cells:
  - track: kernel
    models: [Net]
    bit_widths: [FP32]
    hardware: [epyc-zen4-2core]
    space:
      LANES: {choices: [1, 4], default: 4, about: work-items that share a row}
      VEC: {choices: [1, 4, 8], default: 4, about: elements of a vector}
      GROUP_ROWS: {choices: [1, 2], default: 1}
      UNROLL: {choices: [1, 2], default: 1}
      ONLINE: {choices: [0, 1], default: 0}
      NATIVE: {choices: [0, 1], default: 0}
      CODE: {code: {bytes: 20000}, default: "", about: the kernel's own source}
    workload: {kernel: softmax, shape: {rows: heads, columns: hidden}}
    measurement: {processes: 1}
    objective: {metric: time_us}
    budget: {proposals: 5}
"""
CELL = "net-fp32-epyc-zen4-2core-softmax"
FASTER = "// faster <script>alert(1)</script>\n__kernel void softmax() {}\n"
BROKEN = "__kernel void softmax( {}\n"


def project_in(folder, text=SUITE):
    for name in ("prompts", "hardware", "paper_tables"):
        shutil.copytree(REPOSITORY / name, folder / name)
    (folder / "suites").mkdir()
    (folder / "suites" / "rewriting.yaml").write_text(text)
    return folder


def loaded(project):
    return suite.load(project / "suites" / "rewriting.yaml", project)


def cell_of(project):
    return loaded(project).cells[0]


def reply_of(thought="a try", **changed):
    action = {"LANES": 1, "VEC": 4, "GROUP_ROWS": 1, "UNROLL": 1, "ONLINE": 0, "NATIVE": 0}
    return json.dumps({"thought": thought, "action": {**action, **changed}})


def measured(times_us):
    return Measured(times_us, 1e-7, 0.0, 0, {"device": "a test device"}, 0.5)


def stand_in(monkeypatch):
    """Puts a stand-in in the place of the harness; gives the sources that it was asked for, beside
    the kernel's own.
    """
    asked, own = [], (FOLDER / "softmax.cl").read_text()

    def measure_rewritten(job, source, timeout_s):
        if source == own:
            return measured((100.0 - job.settings["VEC"],) * 3)
        asked.append(source)
        if source == BROKEN:
            raise EvaluationFailed(Status.COMPILE_ERROR, "1:25: error: expected identifier", 0.2)
        return measured((50.0, 50.1, 50.2))

    module = types.ModuleType("haqa_bench.tracks.kernel.rewritten")
    module.measure_rewritten = measure_rewritten
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return asked
