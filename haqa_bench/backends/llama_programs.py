"""llama.cpp's own programs on this machine: where they are, and what they call their version."""

import os
import shutil
import subprocess

from haqa_bench.errors import HaqaError

TOOLS = "HAQA_BENCH_LLAMA_TOOLS"
"""The environment variable that names the folder of llama.cpp's programs."""
VERSION_TIMEOUT_S = 60.0
UNTOLD = "unknown: it does not say"


def found(name: str) -> str:
    """The absolute path of a program: of the folder that TOOLS names, or else on PATH.

    Raises:
        HaqaError: there is none; says how to get it.
    """
    folder = os.environ.get(TOOLS)
    path = (folder and shutil.which(name, path=folder)) or shutil.which(name)
    if not path:
        looked = f"in {folder}, nor on PATH" if folder else "on PATH"
        raise HaqaError(
            name,
            f"this program of llama.cpp's is not {looked}",
            f"Take it from llama.cpp's releases, or build it (cmake --build build --target {name}),"
            f" and name its folder in {TOOLS}, or put that on PATH",
        )
    return os.path.abspath(path)  # it may be started in another folder


def version(program: str) -> str:
    """What the program calls its version, in a line."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNTOLD
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return next((line for line in lines if line.startswith("version")), UNTOLD)
