"""CIFAR10."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import Split
from gan_lightning.data.datasets.torchvision_data import TorchvisionData


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

    def names(self, dataset: Any) -> list[str]:
        """Returns CIFAR10's own names of its classes."""
        return list(dataset.classes)
