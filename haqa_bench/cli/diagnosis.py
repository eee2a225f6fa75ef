"""What `haqa-bench doctor` finds: nothing is imported, measured or asked for over a network, and
nobody is named: neither a user, nor a host, nor a key.
"""

import getpass
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from haqa_bench import __version__, installed, plugins, shipped, tracks
from haqa_bench.errors import HaqaError
from haqa_bench.project import Project
from haqa_bench.store import manifest

PROGRAMS = ("cc", "c++", "cmake", "git", "ssh", "adb", "nvidia-smi", "latexmk", "chromium")
"""What some commands call, where it is there."""
VENDORS = Path("/etc/OpenCL/vendors")
VARIABLES = ("HAQA_BENCH_RUNS", "HAQA_BENCH_DATA", shipped.VARIABLE, "HAQA_BENCH_DEBUG")
KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
"""Of which only is told whether they are set."""
LEAST_FREE_GB = 1.0
"""A guess: a run takes a few MB, a model that is quantized some GB."""


class Extra(NamedTuple):
    """An extra, what of it is not installed, and the command that installs it."""

    name: str
    missing: Sequence[str]
    install: str


class Runs(NamedTuple):
    """Whether a track can be replayed and measured here; what of it is missing, and how to get
    it.
    """

    track: str
    missing: Sequence[str]
    install: str


class Diagnosis(NamedTuple):
    """All of it; paths are told without the name of a user."""

    versions: Mapping[str, str]
    machine: Mapping[str, str]
    tracks: Sequence[Runs]
    extras: Sequence[Extra]
    programs: Mapping[str, str]
    plugins: Sequence[str]
    places: Mapping[str, str]
    environment: Mapping[str, str]
    problems: Sequence[str]


def diagnosis(project: Project) -> Diagnosis:
    """What is here. Takes about a second: the hashes of all recordings are compared."""
    return Diagnosis(
        versions=_versions(),
        machine=_machine(),
        tracks=[_runs(name) for name in tracks.BUILT_IN],
        extras=[_extra(name) for name in sorted(installed.of_extras()) if name],
        programs={name: "found" if shutil.which(name) else "not found" for name in PROGRAMS},
        plugins=[anonymous(str(one)) for g in plugins.GROUPS for one in plugins.known(g).values()],
        places=_places(project),
        environment=_environment(),
        problems=[anonymous(problem) for problem in _problems(project)],
    )


def anonymous(text: str) -> str:
    """Text, without the names of the user and of this machine: ~ stands for the home folder."""
    text = re.sub(rf"{re.escape(str(Path.home()))}(?![\w.-])", "~", text)
    with suppress(KeyError, OSError):  # a user without a name
        text = re.sub(rf"(?<=/){re.escape(getpass.getuser())}(?![\w.-])", "USER", text)
    return text.replace(platform.node(), "HOST") if len(platform.node()) > 2 else text


def _versions() -> Mapping[str, str]:
    packages = installed.of_extras().get("", ())
    found = {name: installed.installed_version(name) or "not installed" for name in packages}
    return {"haqa-bench": __version__, "python": platform.python_version(), **found}


def _machine() -> Mapping[str, str]:
    import psutil

    memory = psutil.virtual_memory().total / 2**30
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": f"{psutil.cpu_count(logical=False)}, {psutil.cpu_count()} logical",
        "memory": f"{memory:.1f} GiB",
        "gpu": _gpu(),
        "opencl": ", ".join(sorted(path.stem for path in VENDORS.glob("*.icd"))) or _pocl(),
    }


def _cpu() -> str:
    with suppress(OSError):
        matched = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if matched:
            return matched[1]
    return platform.processor() or "unknown"


def _gpu() -> str:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return "none that NVML sees"
    try:
        count = pynvml.nvmlDeviceGetCount()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(count))
        names = ", ".join(pynvml.nvmlDeviceGetName(handle) for handle in handles)
        return f"{names}; driver {pynvml.nvmlSystemGetDriverVersion()}"
    finally:
        pynvml.nvmlShutdown()


def _pocl() -> str:
    found = installed.installed_version("pocl-binary-distribution")
    return f"PoCL {found}, of pyopencl" if found else "none"


def _runs(name: str) -> Runs:
    extras = tracks.named(name).extras
    missing = list(dict.fromkeys(one for extra in extras for one in _extra(extra).missing))
    return Runs(name, missing, installed.extra(*extras) if missing else "")


def _extra(name: str) -> Extra:
    packages = installed.of_extras().get(name, ())
    missing = [one for one in packages if installed.installed_version(one) is None]
    return Extra(name, missing, installed.extra(name) if missing else "")


def _places(project: Project) -> Mapping[str, str]:
    brought, disk = shipped.folder(), shutil.disk_usage(project.folder)
    kind = "a project" if shipped.is_project(project.folder) else "no project yet"
    found = {
        "python": sys.prefix,
        "package": f"{shipped.PACKAGE}, {'a checkout' if installed.in_checkout() else 'installed'}",
        "project": f"{project.folder}, {kind}",
        "shipped": str(brought or "nothing"),
        "runs": str(project.runs),
        "free": f"{disk.free / 1e9:.1f} GB",
    }
    return {name: anonymous(text) for name, text in found.items()}


def _environment() -> Mapping[str, str]:
    said = {name: anonymous(os.environ[name]) for name in VARIABLES if name in os.environ}
    return said | {name: "set" for name in KEYS if os.environ.get(name)}


def _problems(project: Project) -> list[str]:
    """What is wrong, whatever is wanted here."""
    layers = dict.fromkeys(one for one in (project.folder, shipped.folder()) if one)
    found = [fault for folder in layers for fault in _unsound(folder)]
    if not os.access(project.folder, os.W_OK):
        found.append(f"{project.folder}: cannot be written. Work in a folder of your own")
    if shutil.disk_usage(project.folder).free < LEAST_FREE_GB * 1e9:
        found.append(f"{project.folder}: less than {LEAST_FREE_GB:g} GB is free")
    if shipped.folder() is None:
        found.append("haqa-bench brings no suites, prompts and profiles: install it anew")
    return found


def _unsound(folder: Path) -> list[str]:
    try:
        return manifest.differences(folder)
    except HaqaError as fault:
        return [str(fault)]
