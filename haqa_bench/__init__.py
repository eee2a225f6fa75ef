"""haqa-bench: an offline, reproducible benchmark of agents that tune quantization and deployment
(HAQA, arXiv 2601.03484).
"""

__version__ = "0.2.0"
