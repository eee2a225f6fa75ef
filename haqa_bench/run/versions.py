"""What something is computed with: Python, this package, libraries, and their BLAS."""

import platform
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version

from haqa_bench import __version__, installed, tracks
from haqa_bench.cell import Cell


def computed_with(libraries: Collection[str]) -> dict[str, str]:
    """The version of each, and, where numpy is among them, of the BLAS that it brings, with the
    kind of processor that it computes for.
    """
    own = {"python": platform.python_version(), "haqa-bench": __version__}
    return own | of_libraries(libraries) | (_blas() if "numpy" in libraries else {})


def of_libraries(names: Iterable[str]) -> dict[str, str]:
    """The version of each that is installed."""
    return {name: found for name in sorted(set(names)) if (found := _version(name))}


def of_track(cell: Cell) -> dict[str, str]:
    """What a cell is measured with here: the version of each library that its track needs; of a
    plug-in's track, what brought that.
    """
    if plugin := tracks.plugin(cell):
        return dict(plugin.identity)
    brought = installed.of_extras()
    return of_libraries(name for of in tracks.of(cell).extras for name in brought.get(of, ()))


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _blas() -> dict[str, str]:
    import numpy  # noqa: F401 # its BLAS is seen when it is loaded
    from threadpoolctl import threadpool_info

    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    found.sort(key=lambda pool: "numpy" not in pool["filepath"])  # SciPy brings one of its own
    return {
        pool["internal_api"]: f"{pool['version']} for {pool.get('architecture', 'any processor')}"
        for pool in found[:1]
    }
