"""From image files to bytes: decoding, and each resampling that the datasets use, exactly."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gan_lightning.data.source import BadImage

MODES = {1: "L", 3: "RGB"}
"""Pillow's name of images with so many channels."""


def content(path: str | Path) -> bytes:
    """Reads a file.

    Raises:
        BadImage: When it cannot be read: a broken link, no permission.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadImage(str(path), f"cannot be read ({error.strerror})") from error


def decode(content: bytes, name: str) -> Image.Image:
    """Decodes a still image of 8 bits per channel, whatever its file is called.

    Args:
        content: The bytes of the file.
        name: The image, for messages.

    Returns:
        The image in its own mode.

    Raises:
        BadImage: When the bytes are no image, end too early, hold several frames, or hold more
            than 8 bits per channel in a way that has no one conversion.
    """
    if not content:
        raise BadImage(name, "the file is empty")
    try:
        image = Image.open(io.BytesIO(content))
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        image.load()
    except Exception as error:  # Pillow's decoders raise a dozen types on damaged bytes
        raise BadImage(name, f"cannot be decoded ({error})") from error
    if frames > 1:
        raise BadImage(name, f"is animated ({frames} frames), a still image is expected")
    if image.mode.startswith(("I", "F")):
        raise BadImage(name, f"has pixels of mode {image.mode}, 8 bits per channel are expected")
    return image


def upright(image: Image.Image, name: str) -> Image.Image:
    """Turns an image as its camera says.

    Raises:
        BadImage: When what the camera says cannot be read.
    """
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow's reader of EXIF raises what it meets
        raise BadImage(name, f"has damaged EXIF data ({error})") from error


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """Makes an image grey or colour: CMYK and palettes are converted, transparency laid on white.

    Args:
        image: An image of any mode with 8 bits per channel.
        channels: 1 for grey, 3 for colour.

    Returns:
        The image in mode "L" or "RGB".
    """
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(MODES[channels])


def centre_square(image: Image.Image) -> Image.Image:
    """Cuts the square of side ``min(w, h)`` out of the centre."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def whole(image: Image.Image) -> Image.Image:
    """Returns the image as it is."""
    return image


def as_bytes(image: Image.Image) -> NDArray[np.uint8]:
    """Returns the pixels of a grey or colour image, uint8 ``(H, W, C)``."""
    return np.asarray(image, np.uint8).reshape(image.height, image.width, -1)


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
