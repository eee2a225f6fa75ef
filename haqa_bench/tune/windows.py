"""How much of a text there is to judge quality on."""

from pathlib import Path

from haqa_bench.backends.process import run_job
from haqa_bench.backends.quality_jobs import WINDOW, Count
from haqa_bench.errors import HaqaError
from haqa_bench.tune import minutes
from haqa_bench.tune.wish import Wish

TIMEOUT_S = 600.0


def counted(wish: Wish, path: Path, text: str, half: bool = False) -> Wish:
    """The wish with how many windows a text of the user's has, or its second `half`.

    Raises:
        HaqaError: there are fewer than an interval needs.
        EvaluationFailed: llama.cpp refuses the model.
    """
    tokens = run_job(Count(model=str(path), text=text), TIMEOUT_S).tokens
    if (windows := tokens // WINDOW) < minutes.FEWEST_WINDOWS:
        part, whose = ("its second half", "whose half has") if half else ("the text", "that has")
        needed = minutes.FEWEST_WINDOWS * WINDOW
        what = f"{part}, on which quality is judged, has {tokens:,} tokens"
        raise HaqaError("--text", what, f"Name a text {whose} {needed:,} tokens")
    return wish._replace(windows=windows)
