"""Cells that the tests of the Python API share."""

from pathlib import Path

from support import SUITE, small_project

import haqa_bench as hb

CELL = "net-int4-epyc-zen4-2core"
WITHOUT_AGENT = SUITE[: SUITE.index("  - name: haqa")] + SUITE[SUITE.index("seeds:") :]


def small_suite(folder: Path) -> hb.Suite:
    """The small suite, without its agent."""
    return hb.load_suite(small_project(folder, WITHOUT_AGENT) / "suites/small.yaml")
