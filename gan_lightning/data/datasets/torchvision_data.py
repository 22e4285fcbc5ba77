"""What datasets that torchvision downloads, verifies and reads have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import ImageData, Split
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

    def names(self, dataset: Any) -> Sequence[str] | None:
        """Returns what each label means, where that is known."""
        return None

    read: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = staticmethod(unchanged)
    """What is done to each image."""

    def source(self, split: Split) -> Source:
        """Lets torchvision download, verify and read."""
        try:
            dataset = self.dataset(split)
            images, labels = self.arrays(dataset)
            return Source(images, self.read, labels, self.names(dataset))
        except Exception as error:  # damaged files fail in a dozen ways
            raise UserError(
                f"{self.root}: {self.name} could not be "
                f"{'downloaded or ' if self.download else ''}read ({error}). Delete "
                f"{self.root / self.pattern} and run again with `download` true.",
                "root",
            ) from error
