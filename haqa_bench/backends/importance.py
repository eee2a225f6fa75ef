"""Makes importance matrices with llama.cpp's own llama-imatrix: what of a model counts while it
reads a text.

A matrix is made once, and kept under the hash of what it was made from: below the cache folder,
`imatrix/`.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from haqa_bench import disk
from haqa_bench.backends import gguf_files, llama_programs, programs
from haqa_bench.documents import sha256
from haqa_bench.errors import HaqaError
from haqa_bench.tasks.folder import cache

NAME = "llama-imatrix"
CHUNK = 512
"""Tokens that are read at once, as is llama.cpp's own default."""
TIMEOUT_S = 14_400.0
MOST_BYTES = 2**26
"""Of what the program says."""
TEXT = "text.txt"
"""A matrix says which file it was made of: always this one, else equal matrices would differ."""


def made(model: Path, text: str, chunks: int) -> Path:
    """The file of a matrix of the first so many `chunks` of a text, of all where it has fewer.

    Raises:
        HaqaError: llama-imatrix is missing, or refuses.
    """
    program = llama_programs.found(NAME)
    version = llama_programs.version(program)
    of = [gguf_files.identity(model), sha256(text.encode()), chunks, version]
    target = cache() / "imatrix" / f"{sha256(of)[:16]}.gguf"
    if not target.is_file():
        with disk.written(target) as partial:
            _make(program, model.absolute(), text, chunks, partial)
    return target


def _make(program: str, model: Path, text: str, chunks: int, target: Path) -> None:
    cores = psutil.cpu_count(logical=False) or 1
    command = [program, "-m", str(model), "-f", TEXT, "-o", str(target), "--output-format", "gguf"]
    command += ["-c", str(CHUNK), "-b", str(CHUNK), "--chunks", str(chunks), "--no-ppl"]
    with TemporaryDirectory() as folder:
        disk.write(Path(folder) / TEXT, text)
        called = programs.Called(
            [*command, "-t", str(cores)], Path(folder), os.environ, question=None, answer=None
        )
        try:
            ended = programs.run(called, TIMEOUT_S, MOST_BYTES)
        except (TimeoutError, programs.TooMuch):
            raise HaqaError(program, f"made no matrix within {TIMEOUT_S:g} s") from None
    if ended.code or not target.is_file():
        raise HaqaError(program, f"made no matrix: {ended.how}: {ended.complaint}")
