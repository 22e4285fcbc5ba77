"""Any folder of images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lightning.data.base import PREPARED, ImageData, Split
from gan_lightning.data.preparation.resampling import centre_square, uncropped
from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError
from gan_lightning.image_files import SUFFIXES, as_bytes, image_files, read


class folder(ImageData):
    """Any folder of images, at any depth, resized to ``size`` x ``size``, in [-1, 1].

    The folders directly below ``root``, if images lie in them, are the classes, in alphabetical
    order. Images are known by their suffix, read by their content, turned as their camera says,
    and made grey or colour; transparent ones are laid on white. Hidden files are left alone.

    Args:
        root: The folder.
        size: Height and width of the prepared images.
        fit: "crop" cuts the largest square out of the centre and resizes it; "resize" squeezes
            the whole image. Both average over all pixels covered when they shrink.
        colour: "colour" or "grey".
        num_classes: Number of class folders, when labels are wanted.
        held_out: A folder of held-out images, laid out like ``root``.
        **options: Those of every dataset.
    """

    image_shape = (3, 64, 64)
    contents = f"any image ({', '.join(SUFFIXES)})"

    def __init__(
        self,
        root: str = "data",
        size: int = 64,
        fit: Literal["crop", "resize"] = "crop",
        colour: Literal["colour", "grey"] = "colour",
        num_classes: int | None = None,
        held_out: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(root=root, **options)
        self.at_least("size", size, 1)
        self.image_shape = (1 if colour == "grey" else 3, size, size)
        self.num_classes = num_classes
        self.fit = fit
        self.preprocessing = f"{fit} to {size}, {colour}, v1"
        self.held_out = self._outside_root(held_out)
        self.splits = ("train",) if held_out is None else ("train", "test")

    def _outside_root(self, held_out: str | None) -> Path | None:
        if held_out is None:
            return None
        path = Path(held_out)
        here, there = self.root.resolve(), path.resolve()
        if here.is_relative_to(there) or there.is_relative_to(here):
            raise UserError(
                f"{held_out} and `root` {self.root} lie in each other, so the held-out images "
                "would be trained on. Choose two separate folders.",
                "held_out",
            )
        return path

    def prepared_folder(self, split: Split) -> Path:
        """Returns the folder of a prepared split: each size has its own."""
        name = self.preprocessing.replace(", ", "-").replace(" ", "-")
        return self.prepared_root / PREPARED / f"{self.name}-{name}" / split

    def place(self, split: Split) -> tuple[str, Path]:
        """Returns the argument that names the split's folder, and the folder."""
        if split == "train" or self.held_out is None:
            return super().place(split)
        return "held_out", self.held_out

    def belongs_on_disk(self, split: Split) -> bool:
        """Says yes: the user has named the folder of each split that there is."""
        return split in self.splits

    def files(self, split: Split) -> list[Path]:
        """Lists the images in alphabetical order."""
        return image_files(self._top(split), ignored=(PREPARED,))

    def _top(self, split: Split) -> Path:
        return self.place(split)[1]

    def source(self, split: Split) -> Source:
        """Lists the images and numbers their classes, those held out like those for training."""
        channels, size, _ = self.image_shape
        square = centre_square if self.fit == "crop" else uncropped
        reader = partial(read_image, channels=channels, size=size, square=square)
        files, top = self.files(split), self._top(split)
        classes = sorted(set(_class_names(self.files("train"), self.root) or []))
        labels = _labels(_class_names(files, top), classes, top)
        return Source(files, reader, labels, None if labels is None else classes)


def _class_names(files: list[Path], top: Path) -> list[str] | None:
    """Returns the folder directly below ``top`` of each file; None when one lies in ``top``."""
    inside = [file.relative_to(top).parts for file in files]
    return None if any(len(parts) == 1 for parts in inside) else [parts[0] for parts in inside]


def _labels(names: list[str] | None, classes: list[str], top: Path) -> NDArray[np.int64] | None:
    if names is None or not classes:
        return None
    number = {name: index for index, name in enumerate(classes)}
    if unknown := sorted(set(names) - set(classes)):
        raise UserError(
            f"{top} has the class {unknown[0]}, which `root` has not. Its classes are "
            f"{', '.join(classes)}.",
            "held_out",
        )
    return np.array([number[name] for name in names], np.int64)


def read_image(
    path: Path, channels: int, size: int, square: Callable[[Image.Image], Image.Image]
) -> NDArray[np.uint8]:
    """Reads an image, turns it upright, and brings it to ``size`` x ``size``.

    Args:
        path: The image.
        channels: 1 for grey, 3 for colour.
        size: Height and width of the result.
        square: Chooses the part of it to keep.

    Returns:
        uint8 ``(size, size, channels)``.

    Raises:
        BadImage: When it cannot be used.
    """
    pixels = read(path, channels)
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    return as_bytes(square(image).resize((size, size), Image.Resampling.BILINEAR))
