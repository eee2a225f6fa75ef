"""The runs of a project, as they are listed."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from haqa_bench.run import complete
from haqa_bench.store.database import LOCK


class Listed(NamedTuple):
    """A run: when it was begun or last begun again (local time), who answered and what measured,
    and whether it is complete.
    """

    suite: str
    when: str
    agent: str
    measure: str
    complete: bool
    folder: str


def listed(folder: Path) -> Listed:
    """The run in a folder, by its name."""
    agent, measure, *_ = [*folder.name.split("-"), "unknown", "unknown"]
    when = datetime.fromtimestamp((folder / LOCK).stat().st_mtime)
    return Listed(
        suite=folder.parent.name,
        when=when.isoformat(" ", "minutes"),
        agent=agent,
        measure=measure,
        complete=complete.is_complete(folder),
        folder=str(folder),
    )
