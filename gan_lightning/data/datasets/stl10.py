"""STL10."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import Split
from gan_lightning.data.datasets.torchvision_data import TorchvisionData
from gan_lightning.data.preparation.resampling import halve


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
