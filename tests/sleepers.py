"""`haqa-bench` whose trainings sleep, in a process of their own as ever: to be ended meanwhile.

python tests/sleepers.py run SUITE --measure live
"""

import os
import sys
import time
from pathlib import Path

from haqa_bench.backends.workers.frame import work
from haqa_bench.cli import main
from haqa_bench.tasks import images
from haqa_bench.tracks.qat.jobs import Train, Trained

STARTED = "HAQA_BENCH_TEST_STARTED"
"""The environment variable that names a folder for a mark of each training that began."""


def train(job: Train) -> Trained:
    (Path(os.environ[STARTED]) / str(os.getpid())).touch()
    time.sleep(60)
    raise SystemExit(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Train.worker = "sleepers"
        images.cifar10 = lambda: images.Stored(Path("none"), "no images", "")
        main()
    else:
        work(train)
