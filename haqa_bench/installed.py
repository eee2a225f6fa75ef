"""What this environment lacks, said in one way."""

import importlib.util

from haqa_bench.errors import HaqaError


def extra(name: str) -> str:
    """The command that installs one of this package's extras."""
    return f'pip install -e ".[{name}]"'


def require(module: str, where: object, install: str, name: str = "") -> None:
    """Refuses to go on without a Python module; `name` is what people call it.

    Raises:
        HaqaError: it is not installed; says how to.
    """
    if importlib.util.find_spec(module) is None:
        raise missing(name or module, where, install)


def missing(name: str, where: object, install: str) -> HaqaError:
    """The fault that something is not installed, and how to."""
    return HaqaError(where, f"{name} is not installed", f"Install it with: {install}")
