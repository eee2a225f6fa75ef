"""The lowest versions that pyproject.toml allows of what a replay needs, as constraints for pip.

python .ci/lowest_versions.py > constraints-lowest.txt
"""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

HEADER = (
    "# The lowest versions that pyproject.toml allows. Made by: make lock. Tried by: make versions"
)


def lowest(requirement: Requirement) -> str:
    """A requirement, pinned at its lower bound."""
    (bound,) = (part.version for part in requirement.specifier if part.operator in (">=", "=="))
    return f"{requirement.name}=={bound}"


if __name__ == "__main__":
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    needed = (Requirement(line) for line in project["project"]["dependencies"])
    print(HEADER, *map(lowest, needed), sep="\n")
