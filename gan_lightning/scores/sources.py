"""Sources of images to score: addressed by index, so any number of processes can share them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_lightning.errors import UserError, reading
from gan_lightning.image_files import SUFFIXES, BadImage, image_files, read
from gan_lightning.streams import stream

BLOCK = 64  # images judged at a time: fixed, since float32 results depend on a batch's size

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


class ImageSource(ABC):
    """Images by index.

    Attributes:
        labels: int64 ``(N,)`` with the images' classes, or ``None`` if they are unknown.
    """

    labels: Labels | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of images."""

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""

    @abstractmethod
    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The images from ``start`` to ``stop - 1``, at most ``BLOCK``.

        Returns:
            uint8 ``(stop - start, channels, height, width)``, and int64 ``(2,)``: how many of them
            hold NaN or infinite values, and how many hold values out of range.
        """


class ArrayImages(ImageSource):
    """Rows of a uint8 array ``(N, channels, height, width)``, in the order of an index if given."""

    def __init__(
        self, images: Images, index: NDArray[np.int64] | None = None, labels: Labels | None = None
    ) -> None:
        self.images = images
        self.index = np.arange(len(images)) if index is None else index
        self.labels = None if labels is None else labels[self.index]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.index)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The rows, and no invalid values."""
        rows = np.ascontiguousarray(self.images[self.index[start:stop]])
        return torch.from_numpy(rows), torch.zeros(2, dtype=torch.int64)


class NoiseImages(ImageSource):
    """Uniform random pixels: what the scores of no structure at all look like."""

    def __init__(self, image_shape: tuple[int, int, int], count: int) -> None:
        self._shape = image_shape
        self.count = count

    def __len__(self) -> int:
        """Number of images."""
        return self.count

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        return self._shape

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Noise that depends on nothing but the block's position."""
        rng = stream(0, "noise", start // BLOCK)
        noise = rng.integers(256, size=(stop - start, *self._shape), dtype=np.uint8)
        return torch.from_numpy(noise), torch.zeros(2, dtype=torch.int64)


class FolderImages(ImageSource):
    """The image files of a folder, listed and read as datasets do, in a fixed random order.

    Args:
        folder: The folder; links are followed, hidden files are not.
        channels: 1 for grey, 3 for colour.

    Raises:
        UserError: If there is no image, or, when it is read, one of another size or kind.
    """

    def __init__(self, folder: Path, channels: int) -> None:
        found = image_files(folder)
        if not found:
            raise UserError(
                f"the folder {folder} holds no images; looked for {', '.join(SUFFIXES)}"
            )
        self.paths = [found[i] for i in _order(len(found))]
        self.channels = channels
        self._shape = tuple(self._read(self.paths[0]).shape)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.paths)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)`` of the first image; all must have it."""
        channels, height, width = self._shape
        return channels, height, width

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The decoded files, and no invalid values."""
        images = [self._read(path) for path in self.paths[start:stop]]
        for path, image in zip(self.paths[start:stop], images, strict=True):
            if image.shape != self._shape:
                raise UserError(
                    f"{path} has shape {image.shape}, but {self.paths[0]} has {self._shape}: "
                    "all images of a folder must have one size (channels, height, width)"
                )
        return torch.from_numpy(np.stack(images)), torch.zeros(2, dtype=torch.int64)

    def _read(self, path: Path) -> Images:
        try:
            return np.ascontiguousarray(read(path, self.channels).transpose(2, 0, 1))
        except BadImage as error:
            raise UserError(
                f"{error.name} {error.problem}: mend it, or take it out of the folder"
            ) from error


class Npz:
    """Reads images that somebody saved with numpy: ``gan predict``, or ADM and its successors."""

    IMAGES: ClassVar[tuple[str, ...]] = ("images", "arr_0")
    LABELS: ClassVar[tuple[str, ...]] = ("labels", "arr_1")
    KEYS: ClassVar[str] = (
        "'images' or 'arr_0' (uint8, N x height x width x channels) and, optional, 'labels' or "
        "'arr_1' (integers, N)"
    )

    @classmethod
    def read(cls, path: Path) -> ArrayImages:
        """The images of an npz file, with their labels if it has some.

        Raises:
            UserError: If the file cannot be read, has no images, or they are not uint8 NHWC.
        """

        def refusal(said: str) -> UserError:
            return UserError(f"cannot read {path} as an npz file: {said}")

        with reading(refusal), path.open("rb") as opened, np.load(opened) as file:
            keys = sorted(file)
            arrays = {key: file[key] for key in (*cls.IMAGES, *cls.LABELS) if key in file}
        key = next((key for key in cls.IMAGES if key in arrays), None)
        if key is None:
            raise UserError(f"{path} has the keys {keys}, but it must have {cls.KEYS}")
        images = arrays[key]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise UserError(
                f"'{key}' of {path} is {images.dtype} of shape {images.shape}; "
                f"the file must have {cls.KEYS}"
            )
        labels = cls._labels(path, arrays, len(images))
        return ArrayImages(images.transpose(0, 3, 1, 2), _order(len(images)), labels)

    @classmethod
    def _labels(cls, path: Path, arrays: dict[str, NDArray[Any]], n: int) -> Labels | None:
        key = next((key for key in cls.LABELS if key in arrays), None)
        if key is None:
            return None
        labels = arrays[key]
        if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
            raise UserError(
                f"'{key}' of {path} is {labels.dtype} of shape {labels.shape}, but there are {n} "
                f"images; the file must have {cls.KEYS}"
            )
        return labels.astype(np.int64)


def read_images(path: Path, channels: int) -> ImageSource:
    """Opens a folder of image files or an npz file, in a fixed random order.

    Files are often sorted by class: the first so many would not be like the rest.

    Args:
        path: The folder or file.
        channels: Channels of a folder's images, 1 (grey) or 3 (colour).

    Raises:
        UserError: If there is nothing there, or it cannot be read.
    """
    if path.is_dir():
        return FolderImages(path, channels)
    if path.suffix == ".npz" and path.is_file():
        return Npz.read(path)
    raise UserError(f"{path} is neither a folder of images nor an .npz file with {Npz.KEYS}")


def _order(n: int) -> NDArray[np.int64]:
    return stream(0, "order of images", 0).permutation(n)
