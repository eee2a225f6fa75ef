"""Takes what a project has recorded as it is: gives recordings of the version before their hashes,
and writes the manifest.
"""

from collections.abc import Sequence
from pathlib import Path

from haqa_bench import disk
from haqa_bench.store import journal, manifest

CHAINED = ("cassettes/**/*.jsonl", "results/confirmed/**/*.jsonl")


def seal(project: Path) -> Sequence[Path]:
    """Seals a project; the files that got their hashes.

    Raises:
        HaqaError: a recording is no lines of JSON, or cannot be written.
    """
    paths = sorted(path for area in CHAINED for path in project.glob(area) if path.is_file())
    unchained = [path for path in paths if not journal.is_chained(path)]
    for path in unchained:
        card, *lines = journal.unchained(path) or [{}]
        disk.write(path, journal.finished([{**card, "format": 2}, *lines]))
    manifest.seal(project)
    return unchained
