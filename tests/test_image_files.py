"""Which image files a folder has, and what pixels they hold."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gan_lightning.image_files import BadImage, content, decode, image_files, read
from tests.data import formats

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
TURNED_BY_CAMERA = 6
"""EXIF: the camera lay on its left side, the picture is turned clockwise for looking at it."""


def stored(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def test_reading_gives_every_pixel(tmp_path: Path) -> None:
    path = stored(tmp_path / "x.png", PIXELS)
    np.testing.assert_array_equal(read(path, 3), PIXELS)
    np.testing.assert_array_equal(read(str(path), 3), PIXELS)


def test_reading_a_grey_image_has_the_channels_that_are_asked_for(tmp_path: Path) -> None:
    path = stored(tmp_path / "x.png", PIXELS[..., 0])
    np.testing.assert_array_equal(read(path, 1), PIXELS[..., :1])
    np.testing.assert_array_equal(read(path, 3), PIXELS[..., :1].repeat(3, axis=2))


def test_reading_turns_an_image_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURNED_BY_CAMERA
    path = stored(tmp_path / "x.png", PIXELS, exif=exif)
    np.testing.assert_array_equal(read(path, 3), np.rot90(PIXELS, -1))


@pytest.mark.parametrize("alpha", [0, 51, 255])
def test_reading_lays_transparency_on_white(tmp_path: Path, alpha: int) -> None:
    veiled = np.concatenate([PIXELS, np.full((5, 7, 1), alpha, np.uint8)], axis=2)
    shade = alpha / 255
    expected = shade * PIXELS + (1 - shade) * 255
    np.testing.assert_allclose(read(stored(tmp_path / "x.png", veiled), 3), expected, atol=1)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "device.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "folder.png", "device.png"):
        with pytest.raises(BadImage, match="is no file"):
            content(tmp_path / name)


def test_what_cannot_be_read_is_a_bad_image(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"x\.png.*No such file"):
        read(tmp_path / "x.png", 3)


def test_listing_goes_down_every_folder_and_is_sorted(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "b/1.jpeg", "a.webp", "b/c/x.tiff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in (".hidden.png", "notes.txt", ".git/x.png", "left/out.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(file.relative_to(tmp_path)) for file in image_files(tmp_path, ignored=["left"])]
    assert found == ["a.webp", "b/1.jpeg", "b/2.PNG", "b/c/x.tiff"]


def test_listing_follows_links_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").touch()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    elsewhere = tmp_path.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "2.png").touch()
    (tmp_path / "b").symlink_to(elsewhere)
    names = [str(file.relative_to(tmp_path)) for file in image_files(tmp_path)]
    assert names == ["a/1.png", "b/2.png"]


def saved(image: Image.Image, suffix: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def colour() -> Image.Image:
    return Image.fromarray(formats.smooth(32, 32))


def truncated() -> bytes:
    return saved(colour(), "PNG")[:-200]


def truncated_jpeg() -> bytes:
    return saved(colour(), "JPEG")[:-200]


def corrupt() -> bytes:
    content = bytearray(saved(colour(), "PNG"))
    content[60:80] = bytes(20)
    return bytes(content)


def animated() -> bytes:
    frames = [Image.fromarray(formats.smooth(32, 32, seed=i)) for i in range(3)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def sixteen_bits() -> bytes:
    return saved(Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32)), "PNG")


def floating() -> bytes:
    return saved(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF")


def bomb() -> bytes:
    """A few bytes that claim to be a picture of 100,000 x 100,000."""
    content = bytearray(saved(colour(), "PNG"))
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (bytes, "the file is empty"),
    "text": (lambda: b"not an image, whatever its name says", "cannot be decoded"),
    "truncated": (truncated, "cannot be decoded"),
    "truncated_jpeg": (truncated_jpeg, "cannot be decoded"),
    "corrupt": (corrupt, "cannot be decoded"),
    "animated": (animated, "is animated \\(3 frames\\)"),
    "16_bits": (sixteen_bits, "has pixels of mode I;16, 8 bits"),
    "floating": (floating, "has pixels of mode F, 8 bits"),
    "bomb": (bomb, "cannot be decoded"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_decoded_says_why(kind: str) -> None:
    make, problem = BAD[kind]
    with pytest.raises(BadImage, match=problem) as error:
        decode(make(), "x.png")
    assert error.value.name == "x.png"
    assert "0x" not in error.value.problem, "an address in memory"


def test_damaged_bytes_are_decoded_or_refused() -> None:
    """Whatever is cut out of a file or overwritten in it, without addresses in memory."""
    rng = np.random.default_rng(0)
    for suffix in ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"):
        for _ in range(30):
            content = bytearray(saved(colour(), suffix))
            for place in rng.integers(0, min(len(content), 200), 3):
                content[place] = rng.integers(256)
            try:
                decode(bytes(content[: rng.integers(20, len(content))]), "x")
            except BadImage as error:
                assert "0x" not in error.problem  # noqa: PT017  (it may also be decoded)


def converted(root: Path, name: str, content: bytes) -> formats.Pixels:
    (root / name).write_bytes(content)
    return read(root / name, 3)


def test_cmyk_is_converted(tmp_path: Path) -> None:
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[:, :16, 0] = 255  # cyan left, black right
    ink[:, 16:, 3] = 255
    image = converted(tmp_path, "x.tif", saved(Image.fromarray(ink, "CMYK"), "TIFF"))
    np.testing.assert_array_equal(image[0, 0], [0, 255, 255])
    np.testing.assert_array_equal(image[0, 31], [0, 0, 0])


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    indices = Image.fromarray((np.arange(1024) % 3).astype(np.uint8).reshape(32, 32), "P")
    indices.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image = converted(tmp_path, "x.png", saved(indices, "PNG"))
    np.testing.assert_array_equal(
        image.reshape(-1, 3)[:3], [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(tmp_path: Path, mode: str) -> None:
    pixels = np.full((32, 32, len(mode)), 100, np.uint8)
    pixels[:16, :, -1], pixels[16:, :, -1] = 0, 255
    image = converted(tmp_path, "x.png", saved(Image.fromarray(pixels, mode), "PNG"))
    assert (image[:16] == 255).all()
    assert (image[16:] == 100).all()


def test_a_transparent_palette_lies_on_white(tmp_path: Path) -> None:
    indices = Image.fromarray((np.arange(1024) % 2).astype(np.uint8).reshape(32, 32), "P")
    indices.putpalette([10, 20, 30, 40, 50, 60])
    image = converted(tmp_path, "x.png", saved(indices, "PNG", transparency=0))
    np.testing.assert_array_equal(image.reshape(-1, 3)[:2], [[255, 255, 255], [40, 50, 60]])


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    original = formats.noise(32, 32, 3)
    image = converted(tmp_path, "x.jpg", saved(Image.fromarray(original), "PNG"))
    np.testing.assert_array_equal(image, original)


def test_bilevel_images_are_black_and_white(tmp_path: Path) -> None:
    bits = formats.noise(32, 32) > 127
    image = converted(tmp_path, "x.png", saved(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(image[..., 0], bits * 255)


def test_a_picture_with_a_second_one_for_depth_is_not_animated(tmp_path: Path) -> None:
    """Telephones store several pictures in one JPEG; the first is the photograph."""
    frames = [Image.fromarray(formats.smooth(32, 32, seed=i)) for i in range(2)]
    content = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    image = converted(tmp_path, "x.jpg", content)
    assert np.abs(image.astype(int) - np.asarray(frames[0])).mean() < 10
