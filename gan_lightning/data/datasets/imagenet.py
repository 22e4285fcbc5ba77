"""ImageNet (ILSVRC2012), from the official archive or from extracted class folders."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import ImageData, Split
from gan_lightning.data.preparation.resampling import bilinear, centre_square
from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError
from gan_lightning.image_files import BadImage, as_bytes, content, decode, to_channels

TAR = "ILSVRC2012_img_train.tar"
FOLDERS: dict[Split, str] = {"train": "train", "test": "val"}


class imagenet(ImageData):
    """ILSVRC2012: 1,281,167 images in 1,000 classes, 128x128, in [-1, 1]; 50,000 held out.

    The square of side min(w, h) is cut out of the centre and resized by bilinear interpolation
    between the four nearest pixels (BSSN release). ``root`` holds ``ILSVRC2012_img_train.tar``, or
    ``train`` with a folder per class (``train/n01440764/*.JPEG``). The held-out images are read
    from ``val`` with a folder per class, if it is there. Nothing can be downloaded: ImageNet's
    licence wants a login.
    """

    image_shape = (3, 128, 128)
    num_classes = 1000
    splits: tuple[Split, ...] = ("train", "test")
    counts: ClassVar[dict[Split, int]] = {"train": 1_281_167, "test": 50_000}
    preprocessing = "centre square, bilinear 128 without antialiasing, v1"
    contents = f"{TAR}, or the folder train with a folder per class"

    def files(self, split: Split) -> list[Path]:
        """Lists the archive or the class folders: their times change when images come or go."""
        folders = sorted(path for path in (self.root / FOLDERS[split]).glob("*") if path.is_dir())
        archive = self.root / TAR
        return folders or ([archive] if split == "train" and archive.exists() else [])

    def source(self, split: Split) -> Source:
        """Finds every image of the class folders, or its place inside the archive.

        Raises:
            UserError: When there is nothing, the archive is damaged, or classes are missing.
        """
        files = self.files(split)
        if files and files[0].is_dir():
            parts: list[tuple[str, str | Member]] = [
                (folder.name, file) for folder in files for file in _images(folder)
            ]
        else:
            parts = list(_members(self.root / TAR))
        classes = sorted({name for name, _ in parts})
        if len(classes) != self.num_classes:
            raise UserError(
                f"{self.root} holds {len(classes):,} classes of {self.name}, which has "
                f"{self.num_classes:,}. Complete it and run again.",
                "root",
            )
        number = {name: index for index, name in enumerate(classes)}
        labels = np.array([number[name] for name, _ in parts], np.int64)
        items = [item for _, item in parts]
        return Source(items, partial(read_square, size=128), labels, classes)


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive, which may be an archive inside another.

    Attributes:
        name: What to call it in messages.
        archive: The outermost archive.
        start: Its first byte there.
        size: Its number of bytes.
    """

    name: str
    archive: Path
    start: int
    size: int

    def content(self) -> bytes:
        """Reads the file where it lies: archives of ImageNet are not compressed.

        Raises:
            BadImage: When it cannot be read.
        """
        try:
            with self.archive.open("rb") as file:
                file.seek(self.start)
                return file.read(self.size)
        except OSError as error:
            raise BadImage(self.name, f"cannot be read ({error.strerror})") from error


def _images(folder: Path) -> list[str]:
    """Lists images as strings: a million paths would take half a gigabyte."""
    return sorted(e.path for e in os.scandir(folder) if e.name.lower().endswith((".jpeg", ".jpg")))


def _members(archive: Path) -> Iterator[tuple[str, Member]]:
    """Yields class and place of each image in a tar of one tar per class.

    Raises:
        UserError: When the archive is damaged.
    """
    try:
        with tarfile.open(archive, "r:") as outer:
            for part in filter(tarfile.TarInfo.isfile, outer):
                yield from _inner_members(archive, part, outer)
    except (tarfile.TarError, EOFError) as error:
        raise UserError(
            f"{archive} is damaged or incomplete ({error}). Download it again (MD5 "
            "1d675b47d978889d74fa0da5fadfb00e)."
        ) from error


def _inner_members(
    archive: Path, part: tarfile.TarInfo, outer: tarfile.TarFile
) -> Iterator[tuple[str, Member]]:
    with tarfile.open(fileobj=outer.extractfile(part), mode="r:") as inner:
        for image in filter(tarfile.TarInfo.isfile, inner):
            name = f"{archive}/{part.name}/{image.name}"
            start = part.offset_data + image.offset_data
            yield Path(part.name).stem, Member(name, archive, start, image.size)


def read_square(item: str | Member, size: int) -> NDArray[np.uint8]:
    """Reads an image, cuts out the centre square and resizes it.

    Args:
        item: The image.
        size: Height and width of the result.

    Returns:
        uint8 ``(size, size, 3)``.

    Raises:
        BadImage: When it cannot be used.
    """
    if isinstance(item, Member):
        image = decode(item.content(), item.name)
    else:
        image = decode(content(item), item)
    return bilinear(as_bytes(centre_square(to_channels(image, 3))), size)
