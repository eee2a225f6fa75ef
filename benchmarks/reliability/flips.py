"""One bit of one recorded file is flipped: what is printed is the same, or the command refuses. A
number that changes without a word is a broken promise.
"""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import forked
import places
from places import SELECTIONS, Place, Selection
from state import steady_text
from tally import Log, Round

NUMBER = re.compile(r"\d+(?:\.\d+)?")
KINDS: Mapping[str, str] = {
    "cassette": "cassettes/{suite}/{cells}/haqa-s0.jsonl",
    "response table": "results/tables/*/{cells}.parquet",
    "confirmed": "results/confirmed/*/{cells}.jsonl",
    "manifest": "MANIFEST.sha256",
    "published": "paper_tables/*.yaml",
    "journal": "results/runs/{suite}/*/journal/*/*.jsonl",
    "run's confirmed": "results/runs/{suite}/*/confirmed/*/*.jsonl",
    "run's database": "results/runs/{suite}/*/trials.duckdb",
    "run's lock": "results/runs/{suite}/*/lock.json",
    "run's end": "results/runs/{suite}/*/complete.json",
}
"""Where recorded files of a selection lie."""


class Flip(NamedTuple):
    """A bit of a file, and the command that reads it then."""

    kind: str
    path: Path
    byte: int
    bit: int
    words: tuple[str, ...]


def drawn(place: Place, one: Selection, draw: random.Random) -> Flip:
    """A random bit of a random file of a random kind."""
    files: list[Path] = []
    while not files:
        kind = draw.choice(list(KINDS))
        pattern = KINDS[kind].format(**one._asdict())
        files = sorted(place.project.glob(pattern))
    path = draw.choice(files)
    return Flip(
        kind, path, draw.randrange(path.stat().st_size), draw.randrange(8), draw.choice(_calls(one))
    )


def _calls(one: Selection) -> list[tuple[str, ...]]:
    return [(*one.run, "--wide"), ("report", one.suite, "--wide")]


def flipped(place: Place, flip: Flip, printed: str, number: int) -> Round:
    """Flips the bit, and calls the command."""
    data = bytearray(flip.path.read_bytes())
    data[flip.byte] ^= 1 << flip.bit
    flip.path.write_bytes(data)
    done = forked.call(flip.words, place.project)
    found = steady_text(done.stdout)
    same = found == printed
    numbers = NUMBER.findall(found) == NUMBER.findall(printed)
    come = {
        "same": int(done.code == 0 and same),
        "refused": int(done.code == 2 and "Traceback" not in done.stderr),
        "traceback": int(done.code not in (0, 2) or "Traceback" in done.stderr),
        "words changed": int(done.code == 0 and not same and numbers),
        "number changed": int(done.code == 0 and not numbers),
    }
    if come["same"] or come["refused"]:
        return Round(number, flip.kind, come)
    where = flip.path.relative_to(place.project).as_posix()
    told = f"{where}, byte {flip.byte}, bit {flip.bit}: haqa-bench {' '.join(flip.words)}"
    return Round(number, flip.kind, come, (told, done.stderr.strip()[-400:]))


def tried(folder: Path, rounds: Sequence[int], seed: int, log: Log) -> None:
    """Does some rounds in a folder of their own, one selection after the other."""
    place = places.made(folder)
    place.keep("start")
    forked.prepare(place.project, [(*SELECTIONS[0].run, "--wide"), SELECTIONS[3].run])
    for index, one in enumerate(SELECTIONS):
        mine = [number for number in rounds if number % len(SELECTIONS) == index]
        if not mine:
            continue
        place.restore("start")
        printed = {call: _printed(place, call) for call in _calls(one)}
        place.keep(one.track)
        for number in mine:
            place.restore(one.track)
            flip = drawn(place, one, random.Random(f"{seed}:{number}"))
            before = flip.path.read_bytes()
            log.add(flipped(place, flip, printed[flip.words], number))
            flip.path.write_bytes(before)


def _printed(place: Place, words: tuple[str, ...]) -> str:
    done = forked.call(words, place.project)
    if done.code != 0:
        raise SystemExit(f"{' '.join(words)}: exit code {done.code}\n{done.stderr}")
    return steady_text(done.stdout)
