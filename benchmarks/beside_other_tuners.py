"""What do the tools recommend that people tune llama.cpp with today, and how good is it?

    python benchmarks/beside_other_tuners.py MODEL.gguf ... --tools FOLDER --minutes 10 --pairs 12 \
        --into docs/tuning.md

Each tool gets the model and as many minutes: haqa-bench tune, FiTuna (its target is TARGET times
the default's speed), llama-optimus, and llama.cpp's own fit. FOLDER holds llama.cpp's programs;
`fituna` and `llama-optimus` are on PATH, or are left out, which is said. Then one protocol judges
all: each choice meets llama.cpp's default on the model as it is in interleaved pairs of processes,
and its predictions are held against the model's own. No GPU is used. Stopped, it goes on with the
same command: all that was found is in --folder.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from pages import fill

from haqa_bench import disk
from haqa_bench.backends import device, machine
from haqa_bench.backends.gguf_models import Formats, find
from haqa_bench.backends.llama_jobs import ONE_THREAD, Measure, Settings
from haqa_bench.backends.process import run_job
from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.report.found.pairs import noise_floor
from haqa_bench.report.statistics import median_interval
from haqa_bench.tracks.deploy.quality import Guard
from haqa_bench.tune.suites import quality_text

FOLDER = Path(tempfile.gettempdir()) / "haqa-bench-beside-other-tuners"
TABLE = "other tuners"
TARGET = 1.2
"""FiTuna asks for a speed to reach, and not for the best: so many times the default's."""
MISSED = f", which misses {TARGET} times the default's speed"
LOSS = 5.0
"""FiTuna's limit on perplexity, in percent: about what a divergence of 0.05 nats is."""
WHOLE = "F16"
"""FiTuna refuses to make formats from one that is rounded already, so it gets the model in this."""
READ_AND_SAID = 512 + 128
"""What FiTuna measures; it fills the rest of a context before, which nobody does here."""
N_CTX, N_PROMPT, N_GENERATE, REPEATS, WINDOWS = 4096, 256, 64, 2, 16
FUSED = {"auto": "on", "on": "on", "off": "off"}
TIMEOUT_S = 1800.0
SPARE_S = 60.0
"""A tool that does not end by itself is ended so much later than its minutes."""


class Choice(NamedTuple):
    """What a tool recommends: a file, and settings; `note` is what went otherwise."""

    tool: str
    file: str
    settings: Settings
    seconds: float
    note: str = ""

    def same(self, other: "Choice") -> bool:
        """Whether the same is run: on a CPU, `auto` turns the fused kernel on."""
        sides = [
            replace(one.settings, flash_attn=FUSED[one.settings.flash_attn])
            for one in (self, other)
        ]
        return self.file == other.file and sides[0] == sides[1]


class Asked(NamedTuple):
    """What every tool is asked."""

    model: Path
    tools: Path
    minutes: float
    work: Path
    default_tokens_per_s: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="GGUF files, package:NAME or hub:OWNER/REPO/FILE")
    parser.add_argument("--tools", type=Path, required=True, help="folder of llama.cpp's programs")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--into", type=Path, help="a page whose table is to be this one")
    parser.add_argument("--table", default=TABLE, help="which table of that page: its marks' name")
    options = parser.parse_args()
    rows = [
        row
        for name in options.models
        for row in judged(name, options.tools, options.minutes, options.pairs, options.folder)
    ]
    text = f"{table(rows)}\n\n{told(options.minutes, options.pairs)}"
    if options.into:
        fill(options.into, options.table, text)
    print(text)


def judged(name: str, tools: Path, minutes: float, pairs: int, folder: Path) -> Iterator[list[str]]:
    """A row of the table for each tool, for one model."""
    model = find(name)
    work = folder / sha256([str(model), minutes])[:12]
    work.mkdir(parents=True, exist_ok=True)
    plain = default_of(model)
    speed = known(work / "default.json", lambda: {"value": alone(plain)})["value"]
    asked = Asked(model, tools, minutes, work, speed)
    choices = [plain, *(found(asked, tool, ask) for tool, ask in ASKING.items())]
    log = work / "pairs.jsonl"
    with device.exclusive():
        play([plain, *(c for c in choices if not c.same(plain))], plain, pairs, log)
    lost = {
        c.tool: known(work / f"lost-{c.tool}.json", lambda c=c: kept(c, model)) for c in choices
    }
    for choice in choices:
        played = plain if choice.same(plain) else choice
        yield row(model.stem, choice, played.tool, lost[choice.tool], read(log))


def known(path: Path, compute: object) -> Mapping[str, float]:
    """What a file holds; computed and written where there is none yet."""
    if not path.is_file():
        disk.write(path, json.dumps(compute()))  # type: ignore[operator]
    return json.loads(path.read_text())


def default_of(model: Path) -> Choice:
    cores = device.threads()
    return Choice(
        "default", str(model), replace(ONE_THREAD, n_threads=cores, n_threads_batch=cores), 0.0
    )


def alone(choice: Choice) -> float:
    """The default's generation, tokens/s: the best of three processes."""
    return max(readings(choice)["generation"] for _ in range(3))


def found(asked: Asked, tool: str, ask: object) -> Choice:
    """What a tool recommends, from its file where it was asked before."""
    path = asked.work / f"{tool}.json"
    if not path.is_file():
        began = time.monotonic()
        choice: Choice = ask(asked)  # type: ignore[operator]
        choice = choice._replace(seconds=time.monotonic() - began)
        disk.write(path, json.dumps({**choice._asdict(), "settings": asdict(choice.settings)}))
    saved = json.loads(path.read_text())
    return Choice(**{**saved, "settings": Settings(**saved["settings"])})


def ours(asked: Asked) -> Choice:
    output = asked.work / "haqa-bench"
    words = [sys.executable, "-m", "haqa_bench", "tune", str(asked.model), "--json", "--quiet"]
    words += ["--minutes", f"{asked.minutes:g}", "--output", str(output), "--n-ctx", str(N_CTX)]
    words += ["--n-prompt", str(N_PROMPT), "--n-generate", str(N_GENERATE)]
    text, note = ended(words, asked.minutes * 3, asked.work / "haqa-bench.log")
    told = json.loads(text)
    given = {k: v for k, v in told["settings"].items() if k != "format"}
    settings = Settings(**{"n_threads_batch": given["n_threads"], **given})
    return Choice("haqa-bench", told["file"], settings, 0.0, note)


def fituna(asked: Asked) -> Choice:
    plain = default_of(asked.model)._replace(tool="fituna")
    if not (program := shutil.which("fituna")):
        return plain._replace(note="not here")
    text, whole = asked.work / "quality.txt", asked.work / f"{WHOLE}.gguf"
    disk.write(text, quality_text(None))
    quantize = [str(asked.tools / "llama-quantize"), "--allow-requantize"]
    subprocess.run(
        [*quantize, str(asked.model), str(whole), WHOLE], check=True, capture_output=True
    )
    words = [program, "run", "--model", str(whole), "--json", "--gpu", "none"]
    words += ["--ppl-chunks", str(WINDOWS), "--ctx", str(READ_AND_SAID)]
    words += ["--target-tps", f"{TARGET * asked.default_tokens_per_s:.1f}"]
    words += ["--max-quality-loss", f"{LOSS:g}", "--quality-corpus", str(text)]
    words += ["--llama-bin-dir", str(asked.tools), "--out", str(asked.work / "fituna")]
    said, note = ended(words, asked.minutes, asked.work / "fituna.log")
    if "{" in said:
        chosen = json.loads(said[said.index("{") :])
        missed = "" if chosen["meets_target"] else MISSED
        return plain._replace(file=chosen["gguf_path"], note=chosen["config"]["quant"] + missed)
    log = (asked.work / "fituna.log").read_text("utf-8")
    return best_effort(plain, log) or plain._replace(note=f"no recommendation, {note}")


def best_effort(plain: Choice, log: str) -> Choice | None:
    """What FiTuna names where it reaches no target, which it does in words alone."""
    quant = re.search(r"^ *quant +: (\S+)", log, re.M)
    file = re.search(r"^ *artifact: (.+\.gguf) ", log, re.M)
    if not quant or not file:
        return None
    return plain._replace(file=file[1], note=quant[1] + MISSED)


def optimus(asked: Asked) -> Choice:
    plain = default_of(asked.model)._replace(tool="llama-optimus")
    if not (program := shutil.which("llama-optimus")):
        return plain._replace(note="not here")
    words = [program, "--llama-bin", str(asked.tools), "--model", str(asked.model)]
    words += ["--metric", "mean", "--ngl-max", "0", "--override-mode", "none"]
    words += ["--repeat", "2", "--n-tokens", "64", "--n-warmup-runs", "4", "--trials", "12"]
    said, note = ended(words, asked.minutes, asked.work / "llama-optimus.log")
    best: dict[str, object] = {}
    for text in re.findall(r"Best config Stage_\d: (\{.*\})", said):
        best |= json.loads(text.replace("'", '"'))
    if not best:
        return plain._replace(note=note or "no recommendation")
    threads = int(str(best["threads"]))
    settings = replace(
        plain.settings,
        n_threads=threads,
        n_threads_batch=threads,
        n_batch=int(str(best["batch"])),
        n_ubatch=min(int(str(best["u_batch"])), int(str(best["batch"]))),
        flash_attn="on" if int(str(best.get("flash_attn", 1))) else "off",
    )
    return plain._replace(settings=settings, note=note)


def fit(asked: Asked) -> Choice:
    """llama.cpp's own: it chooses layers and context to fit devices, of which there is none."""
    plain = default_of(asked.model)._replace(tool="llama.cpp --fit")
    program = asked.tools / "llama-fit-params"
    if not program.is_file():
        return plain._replace(note="not here")
    words = [str(program), "-m", str(asked.model), "-c", str(N_CTX)]
    said, note = ended(words, asked.minutes, asked.work / "fit.log")
    return plain._replace(note=note or f"it says: {' '.join(said.split())[-60:]}")


ASKING = {"haqa-bench": ours, "fituna": fituna, "llama-optimus": optimus, "llama.cpp --fit": fit}


def ended(words: Sequence[str], minutes: float, log: Path) -> tuple[str, str]:
    """What a program says on stdout within its minutes, and what went otherwise."""
    with log.open("w") as complaints:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, text=True
        )
        try:
            said, _ = process.communicate(timeout=60 * minutes + SPARE_S)
            note = "" if process.returncode == 0 else f"exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            note = "ended when its minutes were over"
    return said, note


def play(choices: Sequence[Choice], plain: Choice, pairs: int, log: Path) -> None:
    """The pairs that are missing: in each round every choice, each beside the default."""
    done = {(one["tool"], one["number"]) for one in read(log)}
    for number in range(pairs):
        for choice in choices:
            if (choice.tool, number) in done:
                continue
            sides = [("default", plain), ("choice", choice)]
            random.Random(sha256([choice.tool, number])).shuffle(sides)
            line = {"tool": choice.tool, "number": number}
            line |= {side: readings(one) for side, one in sides}
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")


def readings(choice: Choice) -> dict[str, float]:
    job = Measure(
        model=choice.file,
        settings=choice.settings,
        n_ctx=N_CTX,
        n_prompt=N_PROMPT,
        n_generate=N_GENERATE,
        repeats=REPEATS,
    )
    samples = run_job(job, TIMEOUT_S).samples
    return {
        "total": N_GENERATE / median(s.total_s for s in samples),
        "generation": (N_GENERATE - 1) / median(s.generate_s for s in samples),
        "prompt": N_PROMPT / median(s.prompt_s for s in samples),
    }


def kept(choice: Choice, model: Path) -> Mapping[str, float]:
    """What is lost of the model's own predictions."""
    guard = Guard(Formats(Path(choice.file)), str(model), quality_text(None), WINDOWS)
    if Path(choice.file) == model and choice.settings.type_k == choice.settings.type_v == "f16":
        return {"kl": 0.0, "same": 1.0}
    found = guard.of("own", choice.settings)
    return {"kl": found.divergence, "same": found.same}


def read(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []


def row(
    model: str,
    choice: Choice,
    played: str,
    lost: Mapping[str, float],
    rounds: Sequence[Mapping[str, object]],
) -> list[str]:
    """A tool's line; `played` is whose pairs count: the default's, where that is its choice."""
    own = [one for one in rounds if one["tool"] == played]
    cells = [model, choice.tool, f"{choice.seconds / 60:.1f}"]
    for metric in ("total", "generation", "prompt"):
        ratios = [one["choice"][metric] / one["default"][metric] for one in own]  # type: ignore[index]
        interval = median_interval(ratios)
        span = f" ({interval.low:.2f} to {interval.high:.2f})" if interval else ""
        cells.append(f"{median(ratios):.2f}{span}" if ratios else "")
    if choice.tool == "default" and own:
        again = [one["choice"]["total"] / one["default"]["total"] for one in own]  # type: ignore[index]
        cells[1] += f", noise floor {100 * noise_floor(again, len(again)):.1f} %"
    return [*cells, f"{lost['kl']:.4f}", f"{100 * lost['same']:.1f} %", choice.note]


def table(rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    head = [
        "Model",
        "Tool",
        "min",
        "Total",
        "Generation",
        "Prompt",
        "KL, nats",
        "Same token",
        "Note",
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def told(minutes: float, pairs: int) -> str:
    today = datetime.now(UTC).date().isoformat()
    return (
        f"Measured on {today} on {machine.title('cpu')}: {minutes:g} minutes each, then {pairs} "
        "pairs with llama.cpp's default on the model as it is; times the default, with the 95 % "
        "interval; where the choice is the default itself, it has the default's pairs. "
        f"{N_PROMPT} tokens read and {N_GENERATE} generated. FiTuna got the model in {WHOLE}. "
        "No GPU: what FiTuna, llama-optimus and --fit do for one is not in it."
    )


if __name__ == "__main__":
    try:
        main()
    except HaqaError as error:  # such as another run that measures here
        sys.exit(str(error))
