"""A third party's package of plug-ins as tests install it: modules and entry points in a folder of
its own, as pip would leave them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

HEAD = """\
import numpy as np
from haqa_bench.protocols import Proposal


class Good:
    settings = {}
    start_up = 0

    def __init__(self, study):
        self.space = study.cell.space

    def ask(self, history):
        grid = [c for c in self.space.grid() if c != self.space.default]
        return Proposal(grid[(len(history) - 1) % len(grid)])

"""


def installed(
    site: Path, source: str, points: Mapping[str, Mapping[str, str]], name: str = "faulty-methods"
) -> dict[str, str]:
    """The environment in which a package is installed whose one module is faulty_methods.py."""
    about = site / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, of in points.items():
        lines += [f"[haqa_bench.{group}]", *(f"{n} = {path}" for n, path in of.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (site / f"{name.replace('-', '_')}.py").write_text(source)
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
