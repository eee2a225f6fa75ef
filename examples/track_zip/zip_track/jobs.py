"""What the track asks of a process, and what that tells: all that both sides share."""

from dataclasses import dataclass

from haqa_bench.backends.jobs import Job


@dataclass(frozen=True)
class Packed:
    """Milliseconds of each repeat, and the packed size in % of the text's."""

    ms: tuple[float, ...]
    share: float


@dataclass(frozen=True, kw_only=True)
class Pack(Job[Packed], worker="zip_track.worker"):
    """Pack a text of so many `kilobytes`, `repeats` times."""

    kilobytes: int
    repeats: int
    level: int
    memory: int = 8
    window: int = 15
