"""Datasets that torchvision downloads, verifies and reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import ImageData, Split
from gan_lightning.data.preparation.resampling import halve
from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError


def unchanged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns an image as it is."""
    return image


class TorchvisionData(ImageData):
    """A dataset in the layout of torchvision's class for it."""

    pattern: ClassVar[str]
    """Where the files that are read lie below ``root``."""
    splits: tuple[Split, ...] = ("train", "test")
    downloadable = True

    def files(self, split: Split) -> list[Path]:
        """Lists the files of both splits: torchvision wants all or nothing."""
        return sorted(self.root.glob(self.pattern))

    @abstractmethod
    def dataset(self, split: Split) -> Any:
        """Opens torchvision's dataset, which downloads and verifies."""

    @abstractmethod
    def arrays(self, dataset: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """Returns all images, uint8 ``(count, H, W, C)``, and labels, as torchvision read them."""

    read: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = staticmethod(unchanged)
    """What is done to each image."""

    def source(self, split: Split) -> Source:
        """Lets torchvision download, verify and read."""
        try:
            images, labels = self.arrays(self.dataset(split))
        except Exception as error:  # damaged files fail in a dozen ways
            raise UserError(
                f"--data.root {self.root}: {self.name} could not be "
                f"{'downloaded or ' if self.download else ''}read ({error}). Delete "
                f"{self.root / self.pattern} and run again with --data.download true."
            ) from error
        return Source(images, self.read, labels)


class mnist(TorchvisionData):
    """MNIST: 60,000 handwritten digits, 28x28, in [0, 1] (BSSN App. J, K); 10,000 held out.

    ``root`` holds ``MNIST/raw/train-images-idx3-ubyte`` and the other three idx files.
    """

    image_shape = (1, 28, 28)
    value_range = (0.0, 1.0)
    num_classes = 10
    counts: ClassVar[dict[Split, int]] = {"train": 60_000, "test": 10_000}
    preprocessing = "as they are, v1"
    pattern = "MNIST/raw/*-ubyte"
    contents = "MNIST/raw/train-images-idx3-ubyte and the other three idx files"

    def dataset(self, split: Split) -> Any:
        """Opens ``torchvision.datasets.MNIST``."""
        from torchvision.datasets import MNIST

        return MNIST(self.root, split == "train", download=self.download)

    def arrays(self, dataset: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """Adds the channel."""
        return dataset.data.numpy()[..., None], dataset.targets.numpy().astype(np.int64)


class cifar10(TorchvisionData):
    """CIFAR10: 50,000 images, 32x32, in 10 classes, in [-1, 1]; 10,000 held out.

    ``root`` holds ``cifar-10-batches-py``, the python version.
    """

    image_shape = (3, 32, 32)
    num_classes = 10
    counts: ClassVar[dict[Split, int]] = {"train": 50_000, "test": 10_000}
    preprocessing = "as they are, v1"
    pattern = "cifar-10-batches-py/*_batch*"
    contents = "cifar-10-batches-py, the python version of CIFAR10"

    def dataset(self, split: Split) -> Any:
        """Opens ``torchvision.datasets.CIFAR10``."""
        from torchvision.datasets import CIFAR10

        return CIFAR10(self.root, split == "train", download=self.download)

    def arrays(self, dataset: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """Takes the arrays as they are."""
        return dataset.data, np.array(dataset.targets, np.int64)


class stl10(TorchvisionData):
    """STL10: 100,000 unlabeled images, 96x96 halved to 48x48, in [-1, 1]; 8,000 held out.

    The papers train on the unlabeled images; the official test images are held out, also without
    labels. ``root`` holds ``stl10_binary``.
    """

    image_shape = (3, 48, 48)
    counts: ClassVar[dict[Split, int]] = {"train": 100_000, "test": 8_000}
    preprocessing = "mean of 2x2, v1"
    pattern = "stl10_binary/*.bin"
    contents = "stl10_binary, the binary version of STL10"

    read = staticmethod(halve)

    def dataset(self, split: Split) -> Any:
        """Opens ``torchvision.datasets.STL10``."""
        from torchvision.datasets import STL10

        return STL10(self.root, "unlabeled" if split == "train" else "test", download=self.download)

    def arrays(self, dataset: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """Puts the channels last."""
        return dataset.data.transpose(0, 2, 3, 1), None
