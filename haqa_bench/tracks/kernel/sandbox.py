"""The sandbox for code that somebody else wrote: bubblewrap (`bwrap`), which gives a program a
system of its own.

No network, no home, no write access but to a private /tmp of bounded size; to read, the files that
Python, pyopencl and PoCL need and no others; no environment; processes of its own, all of which end
with whoever started it. What the program may call, and how much memory it may have, it limits
itself before it takes any code (worker/launcher.py). There is no way to do without.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from haqa_bench.errors import HaqaError

LAUNCHER = Path(__file__).parent / "worker" / "launcher.py"
PACKAGES = ("pyopencl", "pocl-binary-distribution", "numpy")
MACHINES = ("x86_64", "aarch64")
"""Processors whose calls the launcher knows by number."""
TMP_BYTES = 256 * 2**20
PROGRAM, PLACE, HEADERS = "/launcher.py", "/packages", "/headers"
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/etc/OpenCL")
HOW = "Install bubblewrap (apt install bubblewrap), on Linux, where user namespaces are allowed"
PATIENCE_S = 30.0


@cache
def require() -> str:
    """The path of a bwrap that works here; it is tried once.

    Raises:
        HaqaError: there is none; says how to get one.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise HaqaError("the sandbox for kernels' code", "bwrap is not installed", HOW)
    if platform.machine() not in MACHINES:
        what = f"it knows {' and '.join(MACHINES)} alone, not {platform.machine()}"
        raise HaqaError("the sandbox for kernels' code", what, "Measure such code elsewhere")
    said = _said([program, *_walls(), *_libraries(), "--remount-ro", "/", *_python(), "-c", "1"])
    if said:
        raise HaqaError("the sandbox for kernels' code", f"bwrap does not work here: {said}", HOW)
    return program


def _said(command: Sequence[str]) -> str:
    """Why a command does not work; nothing where it does."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, env={}, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        return str(fault)
    lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
    return lines[-1] if done.returncode else ""


def command(headers: Path) -> list[str]:
    """The command that starts the launcher in the sandbox; `headers` is a folder whose .h files a
    kernel may include.

    Raises:
        HaqaError: there is no sandbox here.
    """
    shown = [(str(path), f"{HEADERS}/{path.name}") for path in sorted(headers.glob("*.h"))]
    bound = [*_packages(), *shown, (str(LAUNCHER), PROGRAM), *_linker()]
    return [
        require(),
        *_walls(),
        *_libraries(),
        *(word for source, place in bound for word in ("--ro-bind", source, place)),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),
        *_python(),
        PROGRAM,
    ]


def _walls() -> list[str]:
    environment = {
        "HOME": "/tmp",
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": PLACE,
        "POCL_AFFINITY": "1",
        "POCL_CACHE_DIR": "/tmp/pocl",
        "PYOPENCL_NO_CACHE": "1",
    }
    return [
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"),
        *(word for pair in environment.items() for word in ("--setenv", *pair)),
        *("--size", str(TMP_BYTES), "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"),
    ]


def _libraries() -> Iterator[str]:
    """The system's libraries, links as links, and Python's own files without its packages."""
    for place in map(Path, LIBRARIES):
        if place.is_symlink():
            yield from ("--symlink", os.readlink(place), str(place))
        elif place.is_dir():
            yield from ("--ro-bind", str(place), str(place))
    paths = sysconfig.get_paths(vars={"base": sys.base_prefix, "platbase": sys.base_exec_prefix})
    for place in dict.fromkeys(map(Path, (paths["stdlib"], paths["platstdlib"]))):
        yield from ("--ro-bind", str(place), str(place))
        if (place / "site-packages").is_dir():
            packages = str(place / "site-packages")
            yield from ("--tmpfs", packages, "--remount-ro", packages)
    for path in (_executable(), *_own_library()):
        yield from ("--ro-bind", str(path), str(path))


def _python() -> list[str]:
    return [str(_executable()), "-s", "-S", "-B"]


def _executable() -> Path:
    """Python itself, not a link of a virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _own_library() -> Iterator[Path]:
    """Python's shared library, where it has one."""
    name = sysconfig.get_config_var("INSTSONAME")
    folder = Path(sysconfig.get_config_var("LIBDIR") or "/")
    if name and (folder / str(name)).is_file():
        yield folder / str(name)


def _linker() -> Iterator[tuple[str, str]]:
    """The linker, which PoCL starts for each kernel."""
    if found := shutil.which("ld"):
        yield os.path.realpath(found), "/usr/bin/ld"


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    """Files and folders of the Python packages that are needed, and where they lie inside."""
    found: dict[str, None] = {}
    names, seen = list(PACKAGES), set()
    while names:
        name = re.sub(r"[-_.]+", "-", names.pop()).lower()
        if name not in seen:
            seen.add(name)
            names += _taken_in(name, found)
    return tuple((path, f"{PLACE}/{Path(path).name}") for path in found)


def _taken_in(name: str, found: dict[str, None]) -> list[str]:
    """Adds a package's own top folders and files; the packages that it needs."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # only of other Python versions, or of an extra
        return []
    tops = {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "/")}
    for top in sorted(tops - {"__pycache__"}):
        if (path := Path(str(package.locate_file(top)))).exists():
            found[str(path)] = None
    needs = [one for one in package.requires or () if "extra ==" not in one]
    return [match[0] for one in needs if (match := re.match(r"[\w.-]+", one))]
