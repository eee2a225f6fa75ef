"""Where the kernels' sources lie: apart, so that a worker imports nothing for it."""

from pathlib import Path

FOLDER = Path(__file__).parent / "cl"
