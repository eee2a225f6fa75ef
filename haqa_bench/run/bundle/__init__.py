"""What a machine without network needs to measure suites: one archive, with what drives it.

drive.py    measures until its time is over; needs Python alone
plan.json   the suites, in order, and the Python that all is for
site/       this package, the wheels unpacked, and folders of packages as they are
project/    the suites, what they name, hardware profiles and prompts
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import haqa_bench
from haqa_bench.documents import read_bytes
from haqa_bench.errors import HaqaError
from haqa_bench.suite import Suite

PACKAGE = Path(haqa_bench.__file__).parent
LEFT_OUT = ("shipped", "__pycache__")
"""Folders of this package that measuring does not need."""
DRIVER = Path(__file__).with_name("drive.py")
NEEDED: Mapping[str, str] = {
    "annotated_types": "annotated-types",
    "click": "click",
    "diskcache": "diskcache",
    "filelock": "filelock",
    "gguf": "gguf",
    "jinja2": "jinja2",
    "llama_cpp": "llama-cpp-python",
    "markdown_it": "markdown-it-py",
    "markupsafe": "markupsafe",
    "mdurl": "mdurl",
    "numpy": "numpy",
    "psutil": "psutil",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic-core",
    "pygments": "pygments",
    "rfc8785": "rfc8785",
    "rich": "rich",
    "ruamel": "ruamel.yaml",
    "typing_extensions": "typing-extensions",
    "typing_inspection": "typing-inspection",
    "yaml": "pyyaml",
}
"""What measuring a cell of the deploy track imports, by its module, and who brings it."""
_WHEEL = re.compile(r"[^-]+-[^-]+(-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-[^-]+\.whl")
Files = dict[str, bytes]


class Parts(NamedTuple):
    """What a bundle is made of: wheels, folders of packages, and the Python that they are for,
    such as 3.12.
    """

    wheels: Sequence[Path]
    packages: Sequence[Path]
    python: str


def files_of(suites: Mapping[str, tuple[Path, Suite]], project: Path, parts: Parts) -> Files:
    """All files of a bundle of some suites, by path; a suite is its name, its file, and itself.

    Raises:
        HaqaError: a wheel is for another Python, or damaged; or a file cannot be read.
    """
    plan = {"suites": list(suites), "python": parts.python}
    found: Files = {
        "drive.py": read_bytes(DRIVER),
        "plan.json": f"{json.dumps(plan, indent=2)}\n".encode(),
    }
    found |= {f"site/haqa_bench/{name}": data for name, data in _tree(PACKAGE)}
    for folder in parts.packages:
        found |= {f"site/{name}": data for name, data in _tree(folder)}
    for wheel in parts.wheels:
        found |= {f"site/{name}": data for name, data in _unpacked(wheel, parts.python)}
    for name, (path, suite) in suites.items():
        found |= {f"project/{inside}": data for inside, data in _project(name, path, suite)}
    for kind in ("prompts", "hardware"):
        kept = _tree(project / kind) if (project / kind).is_dir() else ()
        found |= {f"project/{kind}/{name}": data for name, data in kept}
    return found


def lacking(files: Files) -> list[str]:
    """What the other machine must have itself, since a bundle does not hold it."""
    there = {name.split("/")[1].removesuffix(".py") for name in files if name.startswith("site/")}
    return sorted(who for module, who in NEEDED.items() if module not in there)


def packed(files: Files) -> bytes:
    """A bundle as an archive, the same bytes for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def check_size(data: bytes, most: int, files: Files) -> None:
    """Raises HaqaError where an archive is larger than `most` bytes; names what is large."""
    if len(data) <= most:
        return
    largest = sorted(files, key=lambda name: -len(files[name]))[:3]
    said = ", ".join(f"{name} ({len(files[name]) / 2**20:.0f} MiB unpacked)" for name in largest)
    what = f"has {len(data) / 2**20:.1f} MiB, more than {most / 2**20:g}"
    raise HaqaError("the bundle", f"{what}; largest: {said}", "Leave out, or raise --limit")


def _tree(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not set(parts) & set(LEFT_OUT):
            yield "/".join(parts), read_bytes(path)


def _unpacked(wheel: Path, python: str) -> Iterator[tuple[str, bytes]]:
    _check_wheel(wheel, python)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield _safe(wheel, entry.filename), archive.read(entry)
    except zipfile.BadZipFile:
        raise HaqaError(wheel, "is no wheel: not an archive", "Get it again") from None


def _safe(wheel: Path, name: str) -> str:
    if name.startswith("/") or ".." in name.split("/"):
        raise HaqaError(wheel, f"holds a path that leads out of it: {name}", "Leave it out")
    return name


def _check_wheel(wheel: Path, python: str) -> None:
    """Raises HaqaError for a wheel of another Python."""
    named = _WHEEL.fullmatch(wheel.name)
    if named is None:
        raise HaqaError(wheel, "has no name that wheels have", "Get it with: pip download")
    number = python.replace(".", "")
    fits = {f"cp{number}", "py3", f"py{number}"} & set(named["python"].split("."))
    if not fits and named["abi"] != "abi3":
        todo = f"Get it with: pip download --only-binary :all: --python-version {python}"
        raise HaqaError(wheel, f"is for {named['python']}, and the bundle for {python}", todo)


def _project(name: str, path: Path, suite: Suite) -> Iterator[tuple[str, bytes]]:
    """A suite's file, with the files that its workloads name."""
    yield f"suites/{name}.yaml", read_bytes(path)
    for cell in suite.cells:
        for value in cell.workload.model_dump(mode="json").values():
            text = path.parent / value if isinstance(value, str) and value else None
            if text and text.is_file() and text.resolve().is_relative_to(path.parent.resolve()):
                beside = (Path("suites") / name).parent / str(value)
                yield beside.as_posix(), read_bytes(text)
