"""What this environment lacks, said in one way."""

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version

from haqa_bench import shipped
from haqa_bench.errors import HaqaError

NAME = "haqa-bench"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[([\w,-]+)\])?[^;]*(?:;.*extra == ['\"]([\w-]+))?")


def in_checkout() -> bool:
    """Whether the package lies in a checkout of its repository, and was not built."""
    return (shipped.PACKAGE.parent / "pyproject.toml").is_file()


def extra(*names: str) -> str:
    """The command that installs some of this package's extras, here."""
    wanted = ",".join(names)
    return f'pip install -e ".[{wanted}]"' if in_checkout() else f"pip install '{NAME}[{wanted}]'"


def locked() -> str:
    """The command that installs the versions that the results were computed with, here."""
    place = shipped.found(shipped.PACKAGE.parent, "requirements.lock")
    if in_checkout():
        return "pip install -r requirements.lock && pip install --no-deps -e ."
    return f"pip install -r {place}"


@cache
def of_extras() -> Mapping[str, tuple[str, ...]]:
    """The packages that each extra brings, and, under an empty name, those that are always there;
    nothing where the package is not installed. An extra that names another brings what it does.
    """
    try:
        lines = requires(NAME) or []
    except PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {}
    inner: dict[str, list[str]] = {}
    for matched in filter(None, map(_REQUIREMENT.match, lines)):
        name, extras, of = matched[1], matched[2], matched[3] or ""
        if name == NAME:
            inner.setdefault(of, []).extend((extras or "").split(","))
        else:
            found.setdefault(of, []).append(name)
    for of, names in inner.items():
        found.setdefault(of, []).extend(p for other in names for p in found.get(other, ()))
    return {of: tuple(dict.fromkeys(packages)) for of, packages in found.items()}


def installed_version(package: str) -> str | None:
    """The version of a package of pip's, as it says itself; None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def has(module: str) -> bool:
    """Whether a Python module is installed; it is not imported."""
    return importlib.util.find_spec(module) is not None


def require(module: str, where: object, install: str, name: str = "") -> None:
    """Refuses to go on without a Python module; `name` is what people call it.

    Raises:
        HaqaError: it is not installed; says how to.
    """
    if not has(module):
        raise missing(name or module, where, install)


def missing(name: str, where: object, install: str) -> HaqaError:
    """The fault that something is not installed, and how to."""
    return HaqaError(where, f"{name} is not installed", f"Install it with: {install}")
