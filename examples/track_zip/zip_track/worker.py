"""Packs, in a process of its own. Here, and here alone, a track imports what is heavy."""

import random
import time
import zlib

from haqa_bench.backends.workers.frame import Refused, work
from zip_track.jobs import Pack, Packed


def pack(job: Pack) -> Packed:
    """What the job asks for; Refused where zlib does not take the settings."""
    rng = random.Random(0)
    words = ["to", "be", "or", "not", "that", "is", "the", "question"]
    text = " ".join(rng.choice(words) for _ in range(256 * job.kilobytes)).encode()
    times = []
    for _ in range(job.repeats):
        started = time.perf_counter()
        try:
            packer = zlib.compressobj(job.level, zlib.DEFLATED, job.window, job.memory)
        except ValueError as error:
            raise Refused(str(error)) from None
        packed = packer.compress(text) + packer.flush()
        times.append(1000 * (time.perf_counter() - started))
    return Packed(tuple(times), 100 * len(packed) / len(text))


if __name__ == "__main__":
    work(pack)
