"""What came of each round: a line of a log, so that a trial that was stopped goes on; in the end a
table, and the same in JSON.
"""

import json
import os
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Round(NamedTuple):
    """A round's number, what was tried, what came of it (how often), and what to look into."""

    number: int
    tried: str
    found: Mapping[str, int]
    notes: tuple[str, ...] = ()


class Log:
    """A file of rounds, to which several processes may add."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, done: Round) -> None:
        """Adds a round."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, (json.dumps(done._asdict()) + "\n").encode())
        os.close(handle)

    def rounds(self) -> list[Round]:
        """The rounds so far."""
        lines = self.path.read_text("utf-8").splitlines() if self.path.is_file() else []
        return sorted(Round(**json.loads(line)) for line in lines)


def shared(log: Log, rounds: int, jobs: int, work: Callable[[int, Sequence[int]], None]) -> None:
    """Lets some processes do the rounds that are missing; each gets its number and its rounds."""
    done = {one.number for one in log.rounds()}
    missing = [number for number in range(rounds) if number not in done]
    pids = []
    for job in range(jobs):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work(job, missing[job::jobs])
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        pids.append(pid)
    codes = [os.waitpid(pid, 0)[1] for pid in pids]
    if any(codes):
        raise SystemExit("a process of this trial failed; see above")


def table(rounds: Sequence[Round]) -> str:
    """How often what came of what was tried, in Markdown; the last row is the sum."""
    names = list(dict.fromkeys(name for one in rounds for name in one.found))
    sums: dict[str, Counter[str]] = {}
    for one in rounds:
        for row in (one.tried, "**all**"):
            sums.setdefault(row, Counter()).update({"rounds": 1, **one.found})
    sums["**all**"] = sums.pop("**all**", Counter())
    head = ["tried", "rounds", *names]
    body = [[row, *(str(counts[name]) for name in head[1:])] for row, counts in sums.items()]
    lines = [head, ["---", *("---:" for _ in head[1:])], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figures(what: str, rounds: Sequence[Round]) -> str:
    """The sums as one line of JSON."""
    total: Counter[str] = Counter()
    for one in rounds:
        total.update(one.found)
    return json.dumps({"what": what, "rounds": len(rounds), **total})
