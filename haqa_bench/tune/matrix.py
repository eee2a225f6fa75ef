"""The importance matrix that a tuning's formats are made with: a file that llama-imatrix wrote, or
one that is made now of the first half of the text. Then quality is judged on the other half: what a
matrix was made of is what its formats keep best.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from haqa_bench.arithmetic.memory import OWN
from haqa_bench.backends import gguf_files, gguf_models, importance
from haqa_bench.backends.matrix_jobs import InspectMatrix, Matrix
from haqa_bench.backends.process import run_job
from haqa_bench.tune import minutes, windows
from haqa_bench.tune.wish import Wish

OF_TEXT = "text"
"""Stands for a matrix that is made of the text."""
TIMEOUT_S = 600.0


class Weighed(NamedTuple):
    """A wish with its matrix, and the text that is left to judge quality on."""

    wish: Wish
    text: str


def weighed(
    wish: Wish, path: Path, text: str, say: Callable[[str], None], own: bool = False
) -> Weighed:
    """The wish with the matrix that it asks for, which is made first where that is asked for, and
    with the windows of what is left of the text, where it is the user's `own`.

    Raises:
        HaqaError: there is no such file, it is no matrix of this model, or the text is too short.
        EvaluationFailed: llama.cpp refuses the model.
    """
    if own and wish.imatrix != OF_TEXT:
        wish = windows.counted(wish, path, text)
    if not wish.imatrix:
        return Weighed(wish, text)
    if wish.imatrix == OF_TEXT:
        found = _of_text(wish, path, text, say)
    else:
        found = Weighed(wish._replace(imatrix=str(Path(wish.imatrix).absolute())), text)
    files = tuple(str(file) for file in gguf_files.shards(path))
    say(_said(run_job(InspectMatrix(imatrix=found.wish.imatrix, files=files), TIMEOUT_S)))
    return found


def _of_text(wish: Wish, path: Path, text: str, say: Callable[[str], None]) -> Weighed:
    first, rest = parted(text)
    wish = windows.counted(wish, path, rest, half=True)
    parameters = gguf_models.Formats(path).contents(OWN).parameters
    cores = psutil.cpu_count(logical=False) or 1
    chunks = minutes.chunks(wish, parameters, cores)
    say(f"importance matrix: {importance.NAME} reads the first half of the text.")
    made = importance.made(path, first, chunks)
    return Weighed(wish._replace(imatrix=str(made), chunks=chunks), rest)


def parted(text: str) -> tuple[str, str]:
    """The first half of a text, and the rest, which begins on a line of its own where the text has
    lines.
    """
    middle = len(text) // 2
    line = text.find("\n", middle)
    end = line + 1 if line >= 0 else middle
    return text[:end], text[end:]


def _said(found: Matrix) -> str:
    """What a matrix is, for people."""
    of = f"{found.chunks} chunks of {found.chunk_tokens} tokens of {', '.join(found.datasets)}"
    covers = f"{found.covered} of the model's {found.matrices} matrices"
    rest = "" if found.covered == found.matrices else "; the others are rounded without it"
    return f"importance matrix: of {of}; it weighs {covers}{rest}."
