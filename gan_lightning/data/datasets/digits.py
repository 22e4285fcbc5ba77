"""Images that come with the dependencies: nothing to download, nothing to prepare."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from gan_lightning.data.base import ImageData, Split
from gan_lightning.data.preparation.resampling import bilinear
from gan_lightning.data.preparation.source import Source
from gan_lightning.data.prepared import Prepared


class digits(ImageData):
    """The 1,797 handwritten digits of scikit-learn, enlarged from 8x8 to 16x16.

    They come with scikit-learn and stay in memory, so ``root`` is not touched. The grey values 0
    to 16 become 0 to 255, then each image is enlarged by bilinear interpolation, which leaves
    strokes where nearest neighbours would leave blocks.
    """

    image_shape = (1, 16, 16)
    num_classes = 10
    preprocessing = "x 255/16, bilinear 8 to 16, v1"
    downloadable = True  # it is there already

    def belongs_on_disk(self, split: Split) -> bool:
        """Says no: preparing takes no longer than reading would."""
        return False

    def files(self, split: Split) -> list[Path]:
        """Returns nothing: the images lie inside scikit-learn."""
        return []

    def source(self, split: Split) -> Source:
        """Reads scikit-learn's own file."""
        from sklearn.datasets import load_digits

        bundled = load_digits()
        images = np.round(bundled.images * (255 / 16)).astype(np.uint8)[..., None]
        labels = bundled.target.astype(np.int64)
        return Source(images, partial(bilinear, size=16), labels, list("0123456789"))

    def load(self, split: Split) -> Prepared:
        """Makes the array in memory."""
        source = self.source(split)
        images = np.stack([source.read(item) for item in source.items])
        checksum = hashlib.sha256(images.tobytes()).hexdigest()
        fingerprint = f"{self.name} {split}; {self.preprocessing}; sha256:{checksum}"
        return Prepared(images, source.labels, fingerprint, class_names=source.class_names)
