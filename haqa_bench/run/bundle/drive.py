"""Measures what a bundle holds, on a machine without network, and ends by its own clock.

    python3 drive.py --limit 10 [--out FOLDER] [SUITE ...] [-- options of haqa-bench tabulate]

It needs Python alone: all else lies beside it. What is measured is in FOLDER at once, result by
result; called again with the same FOLDER, it goes on. It ends a minute before its limit (--spare
says another time), and ends what does not end by itself. Of the time that is left, each suite gets
its share; what one does not use, the next may.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PATIENCE_S = 10.0
"""How long a suite may take to end after it was told to."""
LEAST_S = 5.0
"""Less than this is no time to measure anything in."""
LATE_S = 1.0
"""How much longer than its time a suite may run before it is ended."""


class Told(SystemExit):
    """Somebody ended the driver."""


class Found(NamedTuple):
    """How a suite's sweep ended: its exit code, and whether something was left out."""

    code: int
    unfinished: bool


def main() -> int:
    """Drives; the exit code: the worst of any suite's."""
    started = time.monotonic()
    given = parsed(sys.argv[1:])
    plan = json.loads((HERE / "plan.json").read_text("utf-8"))
    check(plan)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    out = Path(given.out).resolve()
    prepare(out)
    end = started + 60 * (given.limit - given.spare)
    cache = place_of_models()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE / "site"), os.environ.get("PYTHONPATH", "")]),
        "HAQA_BENCH_CACHE": str(cache),
        "HAQA_BENCH_PROGRESS": "off",
    }
    try:
        return drive(given.suites or plan["suites"], given.options, out, end, environment)
    finally:
        if "HAQA_BENCH_CACHE" not in os.environ:
            shutil.rmtree(cache, ignore_errors=True)


def parsed(words: list[str]) -> argparse.Namespace:
    """The words of the command; those after -- are tabulate's."""
    own, options = words, list[str]()
    if "--" in words:
        own, options = words[: words.index("--")], words[words.index("--") + 1 :]
    parser = argparse.ArgumentParser(description="Measure what this bundle holds.")
    parser.add_argument("suites", nargs="*", help="suites of the bundle; all where none is named")
    parser.add_argument("--limit", type=float, required=True, metavar="MINUTES")
    parser.add_argument("--spare", type=float, default=1.0, metavar="MINUTES")
    parser.add_argument("--out", default="out", metavar="FOLDER")
    given = parser.parse_args(own)
    if not 0 <= given.spare < given.limit < 1e6:
        parser.error("--limit must be more minutes than --spare")
    given.options = options
    return given


def check(plan: dict[str, object]) -> None:
    """Ends where this machine's Python is another than the one that the bundle was made for."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if plan["python"] != here:
        sys.exit(f"drive.py: this is Python {here}, and the bundle is for {plan['python']}")


def told(number: int, _frame: object) -> None:
    """Ends the driver, and so what it has started."""
    raise Told(128 + number)


def prepare(out: Path) -> None:
    """The project in which results are written, where they are brought home from."""
    shutil.copytree(HERE / "project", out, dirs_exist_ok=True)
    machine = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "system": platform.platform(),
        "python": sys.version,
        "nvidia-smi": said(["nvidia-smi"]),
    }
    with (out / "machine.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(machine) + "\n")


def said(command: list[str]) -> str:
    """What a program prints, if there is one."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def place_of_models() -> Path:
    """Where files of models are made: HAQA_BENCH_CACHE, or memory, where it has the more room."""
    if named := os.environ.get("HAQA_BENCH_CACHE"):
        return Path(named)
    places = [p for p in (Path("/dev/shm"), Path(tempfile.gettempdir())) if p.is_dir()]
    roomiest = max(places, key=lambda place: shutil.disk_usage(place).free)
    return Path(tempfile.mkdtemp(prefix="haqa-bench-", dir=roomiest))


def drive(
    suites: list[str], options: list[str], out: Path, end: float, environment: dict[str, str]
) -> int:
    """Measures suites in turn until all is measured, nothing more can be, or the time is over."""
    waiting, worst = list(suites), 0
    while waiting:
        goes_on = []
        for place, suite in enumerate(waiting):
            share = (end - time.monotonic()) / (len(waiting) - place)
            if share < LEAST_S:
                continue
            before = measured(out)
            found = tabulate(suite, share, options, out, environment)
            worst = max(worst, found.code)
            if found.unfinished and measured(out) > before:
                goes_on.append(suite)
        waiting = goes_on
    print(f"drive.py: results are in {out}", flush=True)
    return worst


def tabulate(
    suite: str, seconds: float, options: list[str], out: Path, environment: dict[str, str]
) -> Found:
    """Measures one suite for so many seconds; what it told is kept in FOLDER/driven.jsonl."""
    words = [sys.executable, "-m", "haqa_bench", "tabulate", str(out / "suites" / f"{suite}.yaml")]
    words += ["--project", str(out), "--minutes", f"{seconds / 60:.6f}", "--json", "-q", *options]
    print(f"drive.py: {suite}: {seconds:.0f} s", flush=True)
    started = time.monotonic()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        output, late = process.communicate(timeout=seconds + LATE_S)[0], False
    except subprocess.TimeoutExpired:
        output, late = ended(process), True
    except BaseException:
        ended(process)
        raise
    code = 0 if late else process.returncode
    took = round(time.monotonic() - started, 1)
    entry = {"suite": suite, "took": took, "late": late, "code": code, **told_in(output)}
    with (out / "driven.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    return Found(code, late or bool(entry.get("left_out")))


def told_in(output: str) -> dict[str, object]:
    """What a sweep told as JSON; nothing where it was ended before."""
    try:
        found = json.loads(output)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def ended(process: subprocess.Popen[str]) -> str:
    """Ends a sweep, in order if it can; what it had printed."""
    process.terminate()
    try:
        return process.communicate(timeout=PATIENCE_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def measured(out: Path) -> int:
    """How many lines of journals there are."""
    journals = (out / "results").rglob("*.jsonl.partial")
    return sum(path.read_bytes().count(b"\n") - 1 for path in journals)


if __name__ == "__main__":
    sys.exit(main())
