"""What a pack says of itself: which machine, run and versions its numbers are from."""

import platform
from collections.abc import Collection

from pydantic import Field

from haqa_bench import __version__
from haqa_bench.cell import Cell, Name
from haqa_bench.documents import Document
from haqa_bench.run import identity, versions

NAME, SUITE = "pack.json", "suite.json"
FORMAT = 1
LIBRARIES = ("llama-cpp-python", "numpy", "pyopencl", "pocl-binary-distribution", "torch")
"""What measures, beside this program; those that are installed are told."""


class Card(Document):
    """The first thing to read of a pack. `lock` is of the suite as it was run; `run` is the name of
    the run's folder, empty where `tabulate` measured; `stripped`: an address of the device was
    taken out of the suite, which is why its lock is another.
    """

    format: int = Field(ge=1, le=FORMAT)
    machine: Name
    suite: Name
    lock: str
    run: str
    stripped: bool
    haqa_bench: str
    source: str
    python: str
    system: str
    libraries: dict[str, str]


def card_of(machine: str, suite: str, lock: str, run: str, stripped: bool) -> Card:
    """The card of what is measured with what is installed here."""
    return Card(
        format=FORMAT,
        machine=machine,
        suite=suite,
        lock=lock,
        run=run,
        stripped=stripped,
        haqa_bench=__version__,
        source=identity.source(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        libraries=versions.of_libraries(LIBRARIES),
    )


def one_machine(cells: Collection[Cell]) -> str:
    """The name of the hardware of some cells; empty where they have several."""
    names = {cell.hardware.name for cell in cells}
    return names.pop() if len(names) == 1 else ""
