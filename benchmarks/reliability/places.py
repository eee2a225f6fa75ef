"""A copy of this repository's project to break things in, and small selections of its suites."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
MADE = ("results/runs", "cassettes", "out", "MANIFEST.sha256")
"""Where commands write."""
PARTS = ("prompts", "hardware", "suites", "paper_tables", "cassettes", "results")
SMALL = ("--seed", "0", "--methods", "haqa,random")


class Selection(NamedTuple):
    """Some studies of a suite."""

    track: str
    suite: str
    cells: str

    @property
    def run(self) -> tuple[str, ...]:
        """The command that runs them."""
        return ("run", self.suite, "--cells", self.cells, *SMALL)


DEPLOY = Selection("deploy", "llama", "smollm2-135m-int4-epyc-zen4-2core")
QLORA = Selection("qlora", "llama", "smollm2-135m-int4-epyc-zen4-2core-qlora")
KERNEL = Selection("kernel", "kernels", "smollm2-135m-fp32-epyc-zen4-2core-silu")
JOINT = Selection("joint", "joint", "smollm2-135m-any-epyc-zen4-2core-joint")
MEMORY = Selection("memory", "memory", "llama2-7b-any-nvidia-a6000-memory")
SELECTIONS = (DEPLOY, QLORA, KERNEL, JOINT, MEMORY)


class Place(NamedTuple):
    """A copy of the project, and where else things go."""

    project: Path
    kept: Path

    def keep(self, name: str) -> None:
        """Remembers what commands have made so far."""
        self._copy(self.project, self.kept / name)

    def restore(self, name: str) -> None:
        """Goes back to what was kept."""
        self._copy(self.kept / name, self.project)

    def _copy(self, source: Path, target: Path) -> None:
        for part in MADE:
            shutil.rmtree(target / part, ignore_errors=True)
            if (source / part).is_dir():
                shutil.copytree(source / part, target / part)
            elif (source / part).is_file():
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / part, target / part)


def made(folder: Path, selections: Sequence[Selection] = SELECTIONS) -> Place:
    """A new copy, with the cassettes of some selections alone, so that it is quick to restore."""
    shutil.rmtree(folder, ignore_errors=True)
    project = folder / "project"
    for part in PARTS:
        if part not in ("cassettes", "results"):
            shutil.copytree(REPOSITORY / part, project / part)
    for part in ("tables", "confirmed"):
        shutil.copytree(REPOSITORY / "results" / part, project / "results" / part)
    for path in cassettes_of(selections):
        target = project / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(REPOSITORY / "MANIFEST.sha256", project)
    return Place(project, folder / "kept")


def cassettes_of(selections: Sequence[Selection]) -> list[Path]:
    """The committed recordings of some selections, which are of the seed 0."""
    return [
        path
        for one in selections
        for path in sorted((REPOSITORY / "cassettes" / one.suite / one.cells).glob("*-s0.jsonl"))
    ]
