"""MNIST."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import Split
from gan_lightning.data.datasets.torchvision_data import TorchvisionData


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

    def names(self, dataset: Any) -> list[str]:
        """Returns the digits."""
        return list("0123456789")
