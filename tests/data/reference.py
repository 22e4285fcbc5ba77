"""Each crop and resampling in a few lines of numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data import ImageData
from tests.data.formats import Pixels


def ready(data: ImageData) -> ImageData:
    data.prepare_data()
    data.setup()
    return data


def mean_of_squares(image: Pixels) -> NDArray[np.float64]:
    """2x2 means of (H, W, C), half rounded up."""
    x = image.astype(np.float64)
    mean: NDArray[np.float64] = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
    return np.floor(mean + 0.5)


def interpolation(length: int, size: int) -> NDArray[np.float64]:
    """The (size, length) matrix of linear interpolation between pixel centres."""
    centres = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    weights: NDArray[np.float64] = 1 - np.abs(centres[:, None] - np.arange(length))
    return np.where(weights > 0, weights, 0)


def interpolated(image: Pixels, size: int) -> NDArray[np.float64]:
    """Bilinear interpolation of (H, W, C), half rounded up."""
    down, across = (interpolation(length, size) for length in image.shape[:2])
    rows = np.einsum("yh,hwc->ywc", down, image)
    mixed: NDArray[np.float64] = np.einsum("xw,ywc->yxc", across, rows)
    return np.floor(mixed + 0.5)


def square(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def chw(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return image.transpose(2, 0, 1)
