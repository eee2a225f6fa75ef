"""Do the findings stand while something else keeps one core busy half of the time? Measures again
and again under such a load.

    python benchmarks/background_load.py suites/llama.yaml --times 20

The load computes and sleeps in turn, for random times with the same mean. Each re-measurement goes
in rounds: a process of the default and of the best configuration (by the response tables) of every
cell, in random order, as pairs do in docs/measurement.md. Samples of which others took a share are
left out; rounds go on until the ratio of every configuration to the last cell's best is known well
enough, or --rounds are over. It says which bit-width and configuration wins, and with which
intervals: of its speed, and of how many times as fast it is as the other bit-width's best, both
widened by the machine's noise floor (results/confirmed/), since slow times of a shared machine
outlast a re-measurement. At the end, how often each agrees with what was measured without the load.
"""

import argparse
import itertools
import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from haqa_bench import suite
from haqa_bench.arithmetic.estimate import QUIET, Interval, estimate, interval
from haqa_bench.backends import device
from haqa_bench.project import Project
from haqa_bench.report.found import pairs
from haqa_bench.report.statistics import FEWEST_VALUES, median_interval
from haqa_bench.run import confirm
from haqa_bench.run import study as studies
from haqa_bench.run.plan import Plan
from haqa_bench.space import Configuration, key_of
from haqa_bench.tracks.deploy.evaluator import DeployEvaluator


class Candidate(NamedTuple):
    """A configuration of a cell that takes part in every round."""

    cell: suite.Cell
    evaluator: DeployEvaluator
    configuration: Configuration
    project: Path


class Finding(NamedTuple):
    """The best of one re-measurement: its speed, and its ratio to the best of the last cell, over
    `rounds` undisturbed rounds of `of`.
    """

    bit_width: str
    configuration: str
    speed: float
    speed_interval: Interval | None
    ratio: float
    ratio_interval: Interval | None
    rounds: int
    of: int


Samples = list[list[tuple[float, float]]]
"""By round, then candidate's process: speeds, each with the share of the machine that others took.
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suite", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument(
        "--mean-s", type=float, default=2.0, help="mean length of a busy, and of an idle, time"
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="JSON lines with all samples, one for each re-measurement, as they come",
    )
    parser.add_argument(
        "--again", type=Path, help="measure nothing: tell once more what such a file holds"
    )
    options = parser.parse_args()
    candidates = candidates_of(options.suite.resolve())
    found = again(candidates, options.again) if options.again else measurements(candidates, options)
    calm = next(found)
    print(f"without load: {said(calm)}", flush=True)
    agreed = dict.fromkeys(
        (
            "the same bit-width",
            "the same configuration",
            "ratio's interval overlaps",
            "speed's interval overlaps",
        ),
        0,
    )
    for number, one in enumerate(found, 1):
        print(f"{number:2} under load: {said(one)}", flush=True)
        for name, same in zip(agreed, agreements(calm, one), strict=True):
            agreed[name] += same
    for name, count in agreed.items():
        print(f"{name}: {count} of {number}")


def measurements(candidates: list[Candidate], options: argparse.Namespace) -> Iterator[Finding]:
    """The first without load, the others under it."""
    with device.exclusive():
        yield measured(candidates, options.rounds, 0, options.output)
        for number in range(1, options.times + 1):
            with load(options.mean_s, number):
                found = measured(candidates, options.rounds, number, options.output)
            yield found


def again(candidates: list[Candidate], path: Path) -> Iterator[Finding]:
    for line in path.read_text().splitlines():
        yield finding(candidates, json.loads(line)["rounds"])


def agreements(calm: Finding, found: Finding) -> tuple[bool, ...]:
    return (
        found.bit_width == calm.bit_width,
        found.configuration == calm.configuration,
        overlap(found.ratio_interval, calm.ratio_interval),
        overlap(found.speed_interval, calm.speed_interval),
    )


def candidates_of(path: Path) -> list[Candidate]:
    """The default and the best configuration of each cell; the last cell's best comes last."""
    loaded = suite.load(path, path.parent.parent)
    plan = Plan(loaded, path.parent.parent, [])
    found = []
    for cell in loaded.cells:
        outcomes = studies.evaluator_of(plan, cell).outcomes
        best = next(c for c in cell.space.grid() if outcomes[key_of(c)].rank == 1)
        evaluator = DeployEvaluator(cell)
        found += [
            Candidate(cell, evaluator, c, plan.project)
            for c in {key_of(c): c for c in (cell.space.default, best)}.values()
        ]
    return found


def measured(candidates: list[Candidate], rounds: int, seed: int, output: Path | None) -> Finding:
    taken: list[Samples] = []
    for number in range(rounds):
        order = list(range(len(candidates)))
        random.Random(f"{seed}/{number}").shuffle(order)
        row: Samples = [[] for _ in candidates]
        for index in order:
            outcome = candidates[index].evaluator.sample(candidates[index].configuration, repeat=1)
            readings = {m.name: m.samples for m in outcome.measurements}
            row[index] = list(
                zip(
                    readings[candidates[index].cell.objective.metric],
                    readings["others_share"],
                    strict=True,
                )
            )
        taken.append(row)
        if all(precise(candidates, taken, index) for index in range(len(candidates) - 1)):
            break
    if output:
        with output.open("a") as file:
            file.write(json.dumps({"number": seed, "rounds": taken}) + "\n")
    return finding(candidates, taken)


def finding(candidates: list[Candidate], taken: list[Samples]) -> Finding:
    middle = [median(ratios(taken, index)) for index in range(len(candidates))]
    best = max(range(len(candidates)), key=middle.__getitem__)
    speeds, others = zip(*(sample for row in taken for sample in row[best]), strict=True)
    floor = noise_floor(candidates[best])
    speed, ratio = interval(speeds, "tokens/s", others), median_interval(ratios(taken, best))
    return Finding(
        bit_width=candidates[best].cell.bit_width,
        configuration=key_of(candidates[best].configuration),
        speed=estimate(speeds, "tokens/s", others).value,
        speed_interval=speed.widened(floor) if speed else None,
        ratio=middle[best],
        ratio_interval=ratio.widened(floor) if ratio else None,
        rounds=len(ratios(taken, best)),
        of=len(taken),
    )


def noise_floor(candidate: Candidate) -> float:
    """The machine's, from the recorded pairs of the candidate's default with itself."""
    path = Project(candidate.project).confirmed(candidate.cell)
    default = key_of(candidate.cell.space.default)
    kept = [
        p
        for p in confirm.read(path, candidate.cell)
        if p["configuration"] == default and not p["failed"] and p["others"] <= QUIET
    ]
    return pairs.noise_floor(
        [p["tuned"] / p["default"] for p in kept], candidate.cell.measurement.pairs
    )


def ratios(taken: list[Samples], index: int) -> list[float]:
    """A candidate's speed as a multiple of the last one's, round by round: undisturbed ones, or
    all, if those are few.
    """
    quiet = [found for row in taken if (found := ratio(row[index], row[-1], QUIET)) is not None]
    return (
        quiet
        if len(quiet) >= FEWEST_VALUES
        else [found for row in taken if (found := ratio(row[index], row[-1], 1.0)) is not None]
    )


def ratio(
    one: list[tuple[float, float]], other: list[tuple[float, float]], most: float
) -> float | None:
    """Of two processes' speeds, by their samples of which others took no more than `most`."""
    ours, theirs = (
        [speed for speed, share in samples if share <= most] for samples in (one, other)
    )
    return (
        estimate(ours, "tokens/s").value / estimate(theirs, "tokens/s").value
        if ours and theirs
        else None
    )


def precise(candidates: list[Candidate], taken: list[Samples], index: int) -> bool:
    """Whether a candidate's ratio is known well enough: from as many rounds as pairs are taken, to
    the protocol's precision.
    """
    protocol, found = candidates[index].cell.measurement, ratios(taken, index)
    known = median_interval(found)
    if len(found) < protocol.pairs or known is None:
        return False
    return max(
        known.high - median(found), median(found) - known.low
    ) <= protocol.precision * median(found)


def overlap(one: Interval | None, other: Interval | None) -> bool:
    return one is not None and other is not None and one.low <= other.high and other.low <= one.high


def said(found: Finding) -> str:
    speed, ratio = (
        "[unknown]" if i is None else f"[{i.low:.4g}, {i.high:.4g}]"
        for i in (found.speed_interval, found.ratio_interval)
    )
    return (
        f"{found.bit_width} {found.speed:.1f} tokens/s {speed}, {found.ratio:.3f} times "
        f"the other bit-width's best {ratio}; "
        f"{found.rounds} of {found.of} rounds undisturbed"
    )


@contextmanager
def load(mean_s: float, seed: int) -> Iterator[None]:
    """One core, busy half of the time, while the context lasts."""
    process = multiprocessing.Process(target=burn, args=(mean_s, seed), daemon=True)
    process.start()
    yield
    process.terminate()
    process.join()


def burn(mean_s: float, seed: int) -> None:
    rng = random.Random(seed)
    for busy in itertools.cycle((True, False)):
        end = time.perf_counter() + mean_s * rng.uniform(0.5, 1.5)
        if busy:
            while time.perf_counter() < end:
                pass
        else:
            time.sleep(end - time.perf_counter())


if __name__ == "__main__":
    main()
