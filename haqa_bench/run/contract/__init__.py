"""What plug-ins promise, rule by rule, checked without pytest, network, GPU or model:
`haqa-bench plugin check NAME`. haqa_bench.testing holds the same for those who write tests.
"""

from typing import NamedTuple


class Checked(NamedTuple):
    """A rule, and how it is broken; empty where it is kept."""

    rule: str
    fault: str = ""
