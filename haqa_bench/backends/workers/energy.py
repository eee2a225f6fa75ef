"""What a run takes of energy, where this machine tells it: RAPL counts a processor's packages, NVML
the NVIDIA GPUs. A virtual machine tells neither as a rule, and many systems show RAPL to root only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

FOLDER = Path("/sys/class/powercap")


class Counter(Protocol):
    """Something that counts joules."""

    name: str

    def joules(self) -> float:
        """Since it was made."""


class Package:
    """A processor's package, by Linux's powercap: microjoules that begin anew at a largest."""

    name = "RAPL"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "energy_uj"
        self.most = int((folder / "max_energy_range_uj").read_text())
        self.last, self.sum = int(self.file.read_text()), 0

    def joules(self) -> float:
        """See Counter. To be asked again before the counter has gone round: in minutes."""
        now = int(self.file.read_text())
        self.sum += (now - self.last) % (self.most + 1)
        self.last = now
        return self.sum / 1e6


class Meter(NamedTuple):
    """All counters that can be read."""

    counters: Sequence[Counter]

    @property
    def facts(self) -> dict[str, str]:
        """What counts."""
        names = sorted({one.name for one in self.counters})
        return {"energy_by": " and ".join(names)} if names else {}

    def joules(self) -> float | None:
        """Of all together since the meter was made; None where nothing counts."""
        return sum(one.joules() for one in self.counters) if self.counters else None


def meter(on_devices: bool, folder: Path = FOLDER) -> Meter:
    """A meter of this machine's packages, and of its GPUs where they have a part in the work."""
    return Meter((*_packages(folder), *(_gpus() if on_devices else ())))


def _packages(folder: Path) -> list[Counter]:
    found: list[Counter] = []
    for place in sorted(folder.glob("intel-rapl:*")):
        try:
            if (place / "name").read_text().startswith("package"):
                found.append(Package(place))
        except (OSError, ValueError):
            continue  # not for everybody's eyes
    return found


class Gpu:
    """An NVIDIA GPU, by NVML: millijoules since its driver was loaded."""

    name = "NVML"

    def __init__(self, nvml: object, number: int) -> None:
        self.nvml, self.handle = nvml, nvml.nvmlDeviceGetHandleByIndex(number)  # type: ignore[attr-defined]
        self.first = self._millijoules()

    def joules(self) -> float:
        """See Counter."""
        return (self._millijoules() - self.first) / 1000

    def _millijoules(self) -> int:
        return int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle))  # type: ignore[attr-defined]


def _gpus() -> list[Counter]:
    import pynvml

    try:
        pynvml.nvmlInit()
        return [Gpu(pynvml, number) for number in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
