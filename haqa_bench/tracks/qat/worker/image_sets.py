"""The images that a ResNet is trained on, held out and tested on, in batches of (n x 3 x h x w, n).

The training set is split by a seed of its own, the same for every configuration.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from haqa_bench.backends.workers.frame import Refused

Numbers = NDArray[np.int64]
SPLIT_SEED = 0
EVALUATED_AT_ONCE = 500
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of each training set."""

Batch = tuple[Tensor, Tensor]


class ImageSet(Protocol):
    """Images to train on and to try."""

    classes: int
    count: int
    """Of the images to train on."""
    device: torch.device
    """Where random numbers are drawn for them: where they lie."""

    def training(
        self, batch_size: int, augmentation: str, generator: torch.Generator
    ) -> Iterator[Batch]:
        """Batches without end: each image once, in a new random order, then again; what is left
        over of an order is left out.
        """

    def trying(self, test: bool) -> Iterator[Batch]:
        """Every image of the test set, or every one held out, once and in order."""


def opened(
    data: str, path: Path, held_out: int, images: int | None, device: torch.device
) -> ImageSet:
    """The images of `cifar10`, which lie on the device, or of `imagenet`, which are read as they
    are wanted.
    """
    if data == "cifar10":
        return Cifar10(path, held_out, images, device)
    return ImageFolder(path, held_out, images)


class Cifar10:
    """CIFAR-10 in a device's memory, from its arrays (haqa_bench.tasks.images)."""

    classes = 10

    def __init__(self, path: Path, held_out: int, images: int | None, device: torch.device) -> None:
        self.path, self.device = path, device
        with np.load(path) as stored:
            kept, chosen = split(len(stored["train_labels"]), held_out, images)
            train, labels = stored["train"], stored["train_labels"]
        self.train = _normalised(train[chosen], labels[chosen], device)
        self.held_out = _normalised(train[kept], labels[kept], device)
        self.count = len(chosen)

    @cached_property
    def test(self) -> Batch:
        """The test set; read where it is wanted, which tuning never does."""
        with np.load(self.path) as stored:
            return _normalised(stored["test"], stored["test_labels"], self.device)

    def training(
        self, batch_size: int, augmentation: str, generator: torch.Generator
    ) -> Iterator[Batch]:
        """See ImageSet."""
        images, labels = self.train
        size = min(batch_size, self.count)
        while True:
            order = torch.randperm(self.count, generator=generator, device=self.device)
            for index in order[: self.count - self.count % size].split(size):
                yield augmented(images[index], augmentation, generator), labels[index]

    def trying(self, test: bool) -> Iterator[Batch]:
        """See ImageSet."""
        images, labels = self.test if test else self.held_out
        yield from zip(
            images.split(EVALUATED_AT_ONCE), labels.split(EVALUATED_AT_ONCE), strict=True
        )


class ImageFolder:
    """ImageNet's folders, `train/CLASS/*` and `val/CLASS/*`, read by torchvision; 224 x 224
    pixels.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, held_out: int, images: int | None) -> None:
        from torchvision import datasets, transforms

        finish = [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
        plain = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *finish])
        self.shapes = {
            "none": plain,
            "flip": transforms.Compose(
                [
                    transforms.Resize(256),
                    transforms.CenterCrop(224),
                    transforms.RandomHorizontalFlip(),
                    *finish,
                ]
            ),
            "crop_flip": transforms.Compose(
                [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *finish]
            ),
        }
        self.path, self.folder = path, datasets.ImageFolder
        found = self.folder(str(path / "train"), plain)
        self.classes = len(found.classes)
        kept, self.chosen = split(len(found), held_out, images)
        self.held_out = torch.utils.data.Subset(found, kept.tolist())
        self.test = self.folder(str(path / "val"), plain)
        self.count = len(self.chosen)

    def training(
        self, batch_size: int, augmentation: str, generator: torch.Generator
    ) -> Iterator[Batch]:
        """See ImageSet."""
        if augmentation not in self.shapes:
            known = ", ".join(self.shapes)
            raise Refused(f"augmentation {augmentation} is for small images; of these: {known}")
        found = torch.utils.data.Subset(
            self.folder(str(self.path / "train"), self.shapes[augmentation]), self.chosen.tolist()
        )
        size = min(batch_size, self.count)
        while True:
            yield from torch.utils.data.DataLoader(
                found,
                size,
                shuffle=True,
                drop_last=True,
                generator=generator,
                num_workers=READERS,
                pin_memory=torch.cuda.is_available(),
            )

    def trying(self, test: bool) -> Iterator[Batch]:
        """See ImageSet."""
        yield from torch.utils.data.DataLoader(
            self.test if test else self.held_out, EVALUATED_AT_ONCE // 4, num_workers=READERS
        )


READERS = 8
"""Processes that decode ImageNet's files."""


def split(count: int, held_out: int, images: int | None) -> tuple[Numbers, Numbers]:
    """Numbers of the images held out, and of those to train on: `images` of the rest, or all
    of it.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(count)
    rest = order[held_out:]
    return order[:held_out], rest[:images] if images else rest


def _normalised(images: NDArray[np.uint8], labels: Numbers, device: torch.device) -> Batch:
    floats = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (CIFAR_MEAN, CIFAR_STD))
    return (
        floats.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last),
        torch.from_numpy(labels).long().to(device),
    )


CUT = 8
"""Pixels along a square that is cut out."""


def augmented(images: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """`flip`: each image mirrored or not; `crop_flip`: moved by up to four pixels too, what is
    missing grey; `crop_flip_cutout`: and a square of eight pixels grey (arXiv 1708.04552); `none`.
    All of it where the images and the generator are.
    """
    if how == "none":
        return images
    where, count = images.device, len(images)
    flips = torch.rand(count, generator=generator, device=where) < 0.5
    images = torch.where(flips.view(-1, 1, 1, 1), images.flip(3), images)
    if how.startswith("crop_flip"):
        size = images.shape[-1]
        padded = functional.pad(images, (4, 4, 4, 4))
        top, left = (
            torch.randint(0, 9, (count, 1), generator=generator, device=where) for _ in range(2)
        )
        along = torch.arange(size, device=where)
        rows, columns = top + along, left + along
        each = torch.arange(count, device=where).view(-1, 1, 1)
        images = padded.permute(0, 2, 3, 1)[each, rows.unsqueeze(2), columns.unsqueeze(1)].permute(
            0, 3, 1, 2
        )
    return _cut_out(images, generator) if how == "crop_flip_cutout" else images


def _cut_out(images: Tensor, generator: torch.Generator) -> Tensor:
    """A square around a random pixel of each image grey, as far as it lies within."""
    where, (count, _, *size) = images.device, images.shape
    near = [
        (
            torch.arange(length, device=where)
            - torch.randint(0, length, (count, 1), generator=generator, device=where)
            + CUT // 2
        )
        for length in size
    ]
    rows, columns = ((along >= 0) & (along < CUT) for along in near)
    return images.masked_fill_((rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1), 0.0)
