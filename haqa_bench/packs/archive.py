"""Files of a pack as an archive, and back: the same bytes for the same files, and nothing outside
its folder, whatever an archive says.
"""

import gzip
import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from haqa_bench import disk
from haqa_bench.documents import read_bytes
from haqa_bench.errors import HaqaError

SUFFIX = ".tar.gz"
MOST_FILES = 5_000
MOST_BYTES = 256_000_000
"""Of all files of a pack together, unpacked."""
MOST_PACKED = 64_000_000
TODO = "Pack it with: haqa-bench contribute"
Files = Mapping[str, bytes]


def packed(files: Files) -> bytes:
    """An archive of files, without dates, owners or this machine's names."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    out = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as compressed:
        compressed.write(tar.getvalue())
    return out.getvalue()


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of a pack; an archive is unpacked into a temporary one meanwhile.

    Raises:
        HaqaError: there is none, or it holds what no pack holds: links, devices, paths that lead
        out of it, too many files or bytes.
    """
    if path.is_dir():
        _check_folder(path)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="haqa-bench-pack-") as folder:
        for name, data in _unpacked(path):
            disk.write(Path(folder) / name, data)
        yield Path(folder)


def _check_folder(folder: Path) -> None:
    """Raises HaqaError for a folder with links, or more than a pack may hold."""
    sizes = []
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise HaqaError(path, "is a link or a device: a pack holds files alone", "Remove it")
        sizes.append(path.stat().st_size if path.is_file() else 0)
    _bounded(folder, len(sizes), sum(sizes))


def _bounded(where: object, files: int, size: int) -> None:
    if files > MOST_FILES:
        raise HaqaError(where, f"has more than the {MOST_FILES:,} files of a pack", TODO)
    if size > MOST_BYTES:
        raise HaqaError(where, f"is larger than the {MOST_BYTES:,} bytes of a pack", TODO)


def _unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of an archive. It is unpacked piece by piece, so that a small one which would
    become huge is refused before it does.
    """
    data = read_bytes(path, MOST_PACKED)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as compressed:
            tar = compressed.read(MOST_BYTES + 1)
        _bounded(path, 0, len(tar))
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            yield from _members(path, archive)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        what = f"no archive of a pack: {error}".splitlines()[0]
        raise HaqaError(path, what, TODO) from None


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    seen = set[str]()
    for number, entry in enumerate(archive):
        _bounded(path, number, 0)
        if entry.isdir():
            continue
        if not entry.isreg() or entry.issparse():
            raise HaqaError(f"{path}:{entry.name}", "is a link, a device or sparse", TODO)
        name = PurePosixPath(entry.name)
        if name.is_absolute() or ".." in name.parts or "\\" in entry.name or not name.parts:
            raise HaqaError(f"{path}:{entry.name}", "leads out of the pack", TODO)
        if str(name) in seen:
            raise HaqaError(f"{path}:{entry.name}", "is in it twice", TODO)
        seen.add(str(name))
        held = archive.extractfile(entry)
        yield str(name), held.read() if held else b""
