"""What a model takes on devices, such as GPUs, and on the host beside them.

A device holds the weights of its layers, their keys and values, and the intermediate results of a
batch. The host keeps the embedding, which is looked up in and not multiplied by, the layers that
are on no device, and the logits. Copies of weights in another order are a CPU's alone. What a
driver takes for itself is in no plan of llama.cpp's, and so not in here.
"""

from collections.abc import Mapping
from typing import NamedTuple

from haqa_bench.arithmetic.memory import MARGIN

HOST = "host"
"""The place that is no device."""


class Share(NamedTuple):
    """What lies in one place, a device or the host: layers, the output layer counted, and bytes, by
    part.
    """

    place: str
    layers: int
    weights: int
    repacked: int
    cache: int
    compute: int
    output: int

    @property
    def peak(self) -> int:
        """All parts together, in bytes."""
        return self.weights + self.repacked + self.cache + self.compute + self.output

    @property
    def safe(self) -> int:
        """The peak with the margin, in bytes."""
        return round(self.peak * (1 + MARGIN))

    def arithmetic(self) -> str:
        """The sum in words, in MB (10^6 bytes)."""
        parts = ((name, getattr(self, name)) for name in PARTS)
        told = " + ".join(f"{name} {size / 1e6:.1f}" for name, size in parts if size)
        return (
            f"{told or '0'} = {self.peak / 1e6:.1f} MB, with {100 * MARGIN:.0f} % margin "
            f"{self.safe / 1e6:.1f} MB"
        )


PARTS = ("weights", "repacked", "cache", "compute", "output")
"""Of a share, in bytes."""


class DevicePlan(NamedTuple):
    """What each device takes, and the host; and whose plan it is, in words."""

    devices: tuple[Share, ...]
    host: Share
    planned_by: str

    @property
    def peak(self) -> int:
        """What the fullest device takes, in bytes."""
        return max(share.peak for share in self.devices)

    @property
    def safe(self) -> int:
        """What the fullest device takes with its margin, in bytes: what has to fit on each, where
        all are alike.
        """
        return max(share.safe for share in self.devices)

    @property
    def weights(self) -> Mapping[str, int]:
        """Bytes of weights that each device holds."""
        return {share.place: share.weights for share in self.devices}

    def copied(self, stored: int) -> int:
        """Bytes of weights that lie on devices alone, where the file stores so many: what the host
        holds too, as an embedding that is the output layer as well, is stored once.
        """
        return max(0, min(sum(self.weights.values()), stored - self.host.weights))

    def fits(self, limit: int) -> bool:
        """Whether every device takes at most `limit` bytes, its margin included."""
        return self.safe <= limit

    def arithmetic(self) -> str:
        """The sums of all devices in words, in MB (10^6 bytes)."""
        return "; ".join(f"{share.place}: {share.arithmetic()}" for share in self.devices)
