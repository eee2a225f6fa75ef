"""Where data sets lie on machines that reach no hub: the folder that HAQA_BENCH_DATA, or
`--data-dir`, names (docs/training.md).
"""

import os
from pathlib import Path

from haqa_bench.errors import HaqaError

VARIABLE = "HAQA_BENCH_DATA"


def data_folder() -> Path | None:
    """The folder, or None where data sets come from their hubs.

    Raises:
        HaqaError: what is named is no folder.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise HaqaError(
            folder,
            "no such data folder",
            f"Give one with --data-dir or {VARIABLE}, or neither to use the hubs",
        )
    return folder


def cache() -> Path:
    """What is made from data and models is kept here: ~/.cache/haqa-bench, or HAQA_BENCH_CACHE. The
    path is absolute: programs that write there are started in other folders.
    """
    named = os.environ.get("HAQA_BENCH_CACHE")
    return Path(named or Path.home() / ".cache" / "haqa-bench").absolute()
