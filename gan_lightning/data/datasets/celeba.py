"""CelebA."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.base import ImageData, Split
from gan_lightning.data.preparation.resampling import halve
from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError
from gan_lightning.image_files import BadImage, as_bytes, content, decode, to_channels

SIZE, TOP, LEFT, CROP = (178, 218), 45, 25, 128


class celeba(ImageData):
    """CelebA: 202,599 aligned faces, cropped to 128x128 and halved to 64x64, in [-1, 1].

    The crop's top left corner is row 45, column 25 of the 178x218 image (BSSN release). The
    papers train on all images, so none are held out. ``root`` holds
    ``celeba/img_align_celeba/000001.jpg`` and so on.
    """

    image_shape = (3, 64, 64)
    counts: ClassVar[dict[Split, int]] = {"train": 202_599}
    downloadable = True
    preprocessing = "crop 128 at top 45 left 25, mean of 2x2, v1"
    contents = "celeba/img_align_celeba, the folder of CelebA's aligned images"

    def files(self, split: Split) -> list[Path]:
        """Lists the images."""
        return sorted((self.root / "celeba" / "img_align_celeba").glob("*.jpg"))

    def source(self, split: Split) -> Source:
        """Lists the images, after torchvision has downloaded them if that was asked for."""
        if self.download:
            self._download()
        return Source(self.files(split), read_face, None)

    def _download(self) -> None:
        from torchvision.datasets import CelebA

        try:
            CelebA(self.root, download=True)
        except Exception as error:  # Google Drive's quota, the network, a damaged archive
            raise UserError(
                f"true: CelebA could not be downloaded ({error}). Download img_align_celeba.zip "
                f"by hand and extract it into {self.root / 'celeba'}.",
                "download",
            ) from error


def read_face(path: Path) -> NDArray[np.uint8]:
    """Reads, crops and halves one face.

    Args:
        path: A JPEG of 178x218.

    Returns:
        uint8 ``(64, 64, 3)``.

    Raises:
        BadImage: When it is not an image of that size.
    """
    image = to_channels(decode(content(path), str(path)), 3)
    if image.size != SIZE:
        raise BadImage(
            str(path), f"is {image.width}x{image.height}, CelebA's images are {SIZE[0]}x{SIZE[1]}"
        )
    return halve(as_bytes(image)[TOP : TOP + CROP, LEFT : LEFT + CROP])
