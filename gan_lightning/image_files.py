"""Image files: which a folder has, and what pixels they hold; data and scores read alike."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""How the names of images end, in any case."""

MODES = {1: "L", 3: "RGB"}
"""Pillow's name of images with so many channels."""


class BadImage(ValueError):  # noqa: N818  (what is wrong is the image)
    """An image that cannot be used.

    Args:
        name: The image: its path, or its place inside an archive.
        problem: What is wrong with it.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem


def image_files(top: Path, ignored: Collection[str] = ()) -> list[Path]:
    """Lists the images at any depth below a folder, sorted.

    Links are followed, hidden files and folders are not.

    Args:
        top: The folder.
        ignored: Names of folders that are left out.
    """
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    for path, folders, names in os.walk(top, followlinks=True):
        status = Path(path).stat()
        if (status.st_dev, status.st_ino) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [f for f in folders if f not in ignored and not f.startswith(".")]
        found += [f"{path}{os.sep}{name}" for name in names if _is_image(name)]
    return list(map(Path, sorted(found)))


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def read(path: str | Path, channels: int) -> NDArray[np.uint8]:
    """Reads an image file as it is meant to be seen.

    Args:
        path: The file.
        channels: 1 for grey, 3 for colour.

    Returns:
        uint8 ``(H, W, C)``, turned as its camera says, transparency laid on white.

    Raises:
        BadImage: When it cannot be used.
    """
    image = decode(content(path), str(path))
    return as_bytes(to_channels(upright(image, str(path)), channels))


def content(path: str | Path) -> bytes:
    """Reads a file.

    Raises:
        BadImage: When it cannot be read: a broken link, no permission, a pipe or a device.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would be waited for, forever
            raise BadImage(str(path), "is no file")
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


def as_bytes(image: Image.Image) -> NDArray[np.uint8]:
    """Returns the pixels of a grey or colour image, uint8 ``(H, W, C)``."""
    return np.asarray(image, np.uint8).reshape(image.height, image.width, -1)
