"""Each crop and resampling that the datasets use, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def centre_square(image: Image.Image) -> Image.Image:
    """Cuts the square of side ``min(w, h)`` out of the centre."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def uncropped(image: Image.Image) -> Image.Image:
    """Returns the image as it is."""
    return image


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Halves height and width by the mean of each 2 x 2 square, half rounded up.

    This is bilinear interpolation at exactly one half, and to the bit what OpenCV's default
    ``resize`` does there, which the BSSN release uses for STL10 and CelebA.

    Args:
        image: uint8 ``(H, W, C)``, H and W even.

    Returns:
        uint8 ``(H / 2, W / 2, C)``.
    """
    height, width, channels = image.shape
    squares = image.reshape(height // 2, 2, width // 2, 2, channels)
    total: NDArray[np.uint16] = squares.sum(axis=(1, 3), dtype=np.uint16)
    return ((total + 2) >> 2).astype(np.uint8)


def bilinear(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resizes by bilinear interpolation between the four nearest pixels, half rounded up.

    Pixel centres lie at half-integers and nothing is smoothed before shrinking, as in OpenCV's
    default ``resize``, which the BSSN release uses for ILSVRC2012. (Pillow's filter of the same
    name averages over all pixels covered, which gives softer images.)

    Args:
        image: uint8 ``(H, W, C)``.
        size: Height and width of the result.

    Returns:
        uint8 ``(size, size, C)``.
    """
    top, bottom, down = _neighbours(image.shape[0], size)
    left, right, across = _neighbours(image.shape[1], size)
    down, across = down[:, None, None], across[:, None]
    rows = image[top] * (1 - down) + image[bottom] * down
    mixed = rows[:, left] * (1 - across) + rows[:, right] * across
    return np.floor(mixed + 0.5).astype(np.uint8, order="C")


def _neighbours(
    length: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Returns the two pixels that each new pixel lies between, and the share of the second."""
    centres = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
    first = np.floor(centres).astype(np.int64)
    second = np.minimum(first + 1, length - 1)
    return first, second, (centres - first).astype(np.float32)
