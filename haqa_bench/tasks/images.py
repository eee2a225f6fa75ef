"""Images to train on and to test: CIFAR-10 (50,000 and 10,000, 32 x 32 pixels, ten classes), and
ImageNet's folders.

CIFAR-10 from a data folder, `cifar10/train.zip` and `test.zip` hold `CLASS/NNNN.jpg`: lossy against
the original release, so numbers from them say so. Without a folder, torchvision fetches the
original. Either is decoded once and kept as arrays in the cache.
"""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from haqa_bench.errors import HaqaError
from haqa_bench.installed import extra, missing
from haqa_bench.tasks.folder import VARIABLE, cache, data_folder

Pixels = npt.NDArray[np.uint8]
JPEG = "CIFAR-10 as JPEG files, lossy against the original release"
ORIGINAL = "CIFAR-10, the original release"


class Stored(NamedTuple):
    """Where images are; `about` says which.

    CIFAR-10 is a .npz of `train` and `test` (n x 32 x 32 x 3 bytes), `train_labels` and
    `test_labels` (n).
    """

    path: Path
    about: str
    sha256: str


def named(name: Literal["cifar10", "imagenet"]) -> Stored:
    """The images of a data set.

    Raises:
        HaqaError: as `cifar10` and `imagenet`.
    """
    return cifar10() if name == "cifar10" else imagenet()


def cifar10() -> Stored:
    """CIFAR-10, decoded; images in the order of their names, class by class.

    Raises:
        HaqaError: a file is missing or damaged, or nothing can fetch the original.
    """
    folder = data_folder()
    return _from_zips(folder / "cifar10") if folder else _from_torchvision()


def imagenet() -> Stored:
    """ImageNet-2012's folders `train/CLASS/*` and `val/CLASS/*` below the data folder's `imagenet`;
    known by their names, not contents.

    Raises:
        HaqaError: there is no data folder, or it has them not.
    """
    folder = data_folder()
    if folder is None:
        raise HaqaError(
            "ImageNet",
            "is read from a data folder, and none is given",
            f"Give one with --data-dir or {VARIABLE}",
        )
    path = folder / "imagenet"
    for part in ("train", "val"):
        if not (path / part).is_dir():
            raise HaqaError(
                path / part, "no such folder", "Put ImageNet's folders of classes there"
            )
    names = [p.relative_to(path).as_posix() for p in sorted(path.glob("*/*/*"))]
    return Stored(path, "ImageNet-2012", hashlib.sha256("\n".join(names).encode()).hexdigest())


def _from_zips(folder: Path) -> Stored:
    files = [folder / f"{part}.zip" for part in ("train", "test")]
    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise HaqaError(
                file, error.strerror or str(error), "Put CIFAR-10's train.zip and test.zip there"
            ) from None
    target = _target(digest.hexdigest())
    if not target.is_file():
        parts = {}
        for name, file in zip(("train", "test"), files, strict=True):
            parts[name], parts[f"{name}_labels"] = _decoded(file)
        _write(target, parts)
    return Stored(target, JPEG, digest.hexdigest())


def _decoded(file: Path) -> tuple[Pixels, Pixels]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise missing("Pillow", file, extra("train")) from None
    try:
        with zipfile.ZipFile(file) as archive:
            names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
            classes = sorted({n.split("/")[0] for n in names})
            images = [
                np.asarray(Image.open(io.BytesIO(archive.read(n))).convert("RGB")) for n in names
            ]
    except (zipfile.BadZipFile, UnidentifiedImageError, OSError) as error:
        raise HaqaError(file, f"damaged: {error}", "Fetch it again") from None
    if len(classes) != 10 or any(image.shape != (32, 32, 3) for image in images):
        raise HaqaError(
            file,
            "is not CIFAR-10: ten folders of 32 x 32 pixel .jpg files are wanted",
            "Fetch it again",
        )
    return np.stack(images), np.array([classes.index(n.split("/")[0]) for n in names], np.uint8)


def _from_torchvision() -> Stored:
    target = _target("original")
    if not target.is_file():
        try:
            from torchvision.datasets import CIFAR10
        except (
            ImportError,
            RuntimeError,
        ) as error:  # a torchvision that does not fit its torch raises RuntimeError
            raise HaqaError(
                "CIFAR-10",
                f"torchvision cannot fetch it: {error}",
                f"Install it with: {extra('train')}; or give a data folder",
            ) from None
        parts = {}
        for name in ("train", "test"):
            try:
                found = CIFAR10(str(target.parent), train=name == "train", download=True)
            except (OSError, RuntimeError) as error:
                raise HaqaError(
                    "CIFAR-10",
                    f"cannot be fetched: {error}",
                    "Check the network, or give a data folder",
                ) from None
            parts[name], parts[f"{name}_labels"] = found.data, np.array(found.targets, np.uint8)
        _write(target, parts)
    return Stored(target, ORIGINAL, hashlib.sha256(target.read_bytes()).hexdigest())


def _target(name: str) -> Path:
    return cache() / "cifar10" / f"{name[:16]}.npz"


def _write(target: Path, parts: dict[str, Pixels]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial.npz")
    np.savez(partial, allow_pickle=False, **parts)
    partial.replace(target)
