import sys

from haqa_bench.cli import main

# `python -m` puts the current folder before all that is installed: a random.py there would be
# taken for Python's own. Python has a switch for it (-P), and the command haqa-bench has no need.
if not sys.flags.safe_path:
    del sys.path[0]
main()
