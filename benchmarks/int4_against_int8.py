"""Is a 4-bit matrix times a vector faster than an 8-bit one, untuned and tuned, and why (paper:
table 4's reversal on a phone)?

    python benchmarks/int4_against_int8.py suites/kernels.yaml --rounds 12

For the `gemv` cells of each model: rounds of one process each of the default and of the best
configuration (by the response tables) of INT4 and INT8, in random order, then the ratios of each
round, with their median and 95 % interval. Beside them what explains it: the bytes that each format
moves, and, where objdump is installed and the device is PoCL's, the machine instructions of the
compiled kernel's inner loop, by weight.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from haqa_bench import suite
from haqa_bench.arithmetic import kernel_roofline as roofline
from haqa_bench.arithmetic.estimate import QUIET
from haqa_bench.backends import device
from haqa_bench.backends.wire import dump, load
from haqa_bench.documents import sha256
from haqa_bench.project import Project
from haqa_bench.report.statistics import median_interval
from haqa_bench.space import Configuration
from haqa_bench.store import tables
from haqa_bench.tracks.kernel.evaluator import KernelEvaluator
from haqa_bench.tracks.kernel.jobs import Measured
from haqa_bench.tracks.replayed import TableEvaluator

LOOP = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
KINDS = {
    "convert": r"vcvt|vpmov[sz]x",
    "multiply, add": r"vfm|vmul|vadd|vsub",
    "integer": r"vpand|vpor|vpsr|vpsl|vpadd|vpsub|vpxor|vpblend|vpshuf|vpunpck|vpack",
    "load, store, broadcast": r"vmov|vbroadcast|vinsert|vextract|vperm",
}


class Side(NamedTuple):
    """One of the four that meet in each round."""

    name: str
    evaluator: KernelEvaluator
    configuration: Configuration


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--output", type=Path, help="JSON lines of every round, as they come")
    options = parser.parse_args()
    path = options.suite.resolve()
    cells = [
        c
        for c in suite.load(path, path.parent.parent).cells
        if getattr(c.workload, "kernel", "") == "gemv"
    ]
    for model in dict.fromkeys(c.model_name for c in cells):
        sides = [
            side
            for c in cells
            if c.model_name == model and c.bit_width in ("INT4", "INT8")
            for side in sides_of(c, path.parent.parent)
        ]
        with device.exclusive():
            rounds = [one_round(sides, number, options.output) for number in range(options.rounds)]
        print(f"## {model}")
        for what in ("default", "tuned"):
            print(f"{what}: {said(rounds, what)}")
        for side in sides:
            print(f"- {side.name}: {explained(side)}")


def sides_of(cell: suite.Cell, project: Path) -> list[Side]:
    """The default and the best of a cell's table."""
    known = TableEvaluator(tables.read(Project(project).table(cell)), cell)
    best = json.loads(next(key for key, outcome in known.outcomes.items() if outcome.rank == 1))
    evaluator = KernelEvaluator(cell)
    return [
        Side(f"{cell.bit_width} {what}", evaluator, c)
        for what, c in (("default", cell.space.default), ("tuned", best))
    ]


def one_round(sides: list[Side], number: int, output: Path | None) -> dict[str, float]:
    """Times in microseconds by side, and the largest share that others took."""
    order = list(sides)
    random.Random(sha256({"round": number})).shuffle(order)
    found: dict[str, float] = {"others": 0.0}
    for side in order:
        values = {
            m.name: m for m in side.evaluator.sample(side.configuration, repeat=1).measurements
        }
        found[side.name] = values["time_us"].value
        found["others"] = max(found["others"], *values["others_share"].samples)
    if output:
        with output.open("a") as file:
            file.write(json.dumps(found) + "\n")
    return found


def said(rounds: list[dict[str, float]], what: str) -> str:
    quiet = [r for r in rounds if r["others"] <= QUIET] or rounds
    ratios = [r[f"INT8 {what}"] / r[f"INT4 {what}"] for r in quiet]
    interval = median_interval(ratios)
    times = [
        sorted(r[f"{bits} {what}"] for r in quiet)[len(quiet) // 2] for bits in ("INT4", "INT8")
    ]
    between = f" [{interval.low:.2f}, {interval.high:.2f}]" if interval else ""
    middle = sorted(ratios)[len(ratios) // 2]
    counted = f"{len(quiet)} of {len(rounds)} rounds undisturbed"
    return (
        f"INT4 is {middle:.2f}{between} times as fast as INT8 ({times[0]:.0f} and "
        f"{times[1]:.0f} us, {counted})"
    )


def explained(side: Side) -> str:
    cell = side.evaluator.cell
    work = roofline.work("gemv", cell.bit_width, side.evaluator.workload.sizes)
    settings = ", ".join(f"{k}={v}" for k, v in side.configuration.items())
    return (
        f"{settings}: {work.bytes / (work.operations / 2):.3f} bytes a weight; {instructions(side)}"
    )


def instructions(side: Side) -> str:
    """Machine instructions of the loop that multiplies and adds most, by 32 weights."""
    if shutil.which("objdump") is None:
        return "instructions unknown: objdump is not installed"
    with tempfile.TemporaryDirectory() as cache:
        job = replace(side.evaluator._job(side.configuration), repeats=1)
        done = subprocess.run(
            [sys.executable, "-m", job.worker],
            input=dump(job),
            env={**os.environ, "POCL_CACHE_DIR": cache},
            capture_output=True,
            text=True,
            check=True,
        )
        assert load(done.stdout, Measured).times_us
        libraries = sorted(Path(cache).rglob("gemv*.so"))
        if not libraries:
            return "instructions unknown: not PoCL"
        text = subprocess.run(
            ["objdump", "-d", "--no-show-raw-insn", libraries[0]],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    loop = inner_loop(text)
    weights = 32 * loop["movzwl"]  # one for the scale of each block
    if not weights:
        return "instructions unknown: no loop over blocks found"
    kinds = {
        kind: sum(n for name, n in loop.items() if re.match(pattern, name))
        for kind, pattern in KINDS.items()
    }
    kinds["scalar and branch"] = loop.total() - sum(kinds.values())
    shares = ", ".join(f"{32 * n / weights:.1f} {kind}" for kind, n in kinds.items())
    return f"{32 * loop.total() / weights:.1f} instructions for 32 weights ({shares})"


def inner_loop(text: str) -> Counter[str]:
    """The instructions from the target of a backward jump to the jump: of the loop with the most
    multiply-adds, the shortest.
    """
    lines = [(int(m[1], 16), m[2], m[3]) for m in map(LOOP.match, text.splitlines()) if m]
    at = {address: place for place, (address, _, _) in enumerate(lines)}
    found: list[Counter[str]] = []
    for place, (address, name, operands) in enumerate(lines):
        target = (
            int(operands.split()[0], 16)
            if name.startswith("j") and re.match(r"[0-9a-f]+ ", operands)
            else address
        )
        if target < address and target in at:
            found.append(Counter(n for _, n, _ in lines[at[target] : place + 1]))
    fused = [sum(n for name, n in loop.items() if name.startswith("vfm")) for loop in found]
    inner = [loop for loop, n in zip(found, fused, strict=True) if n > 0]
    return min(inner, key=lambda loop: loop.total(), default=Counter())


if __name__ == "__main__":
    main()
