"""Which image files a folder has, and what pixels they hold."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.image_files import BadImage, content, image_files, read

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
TURNED_BY_CAMERA = 6
"""EXIF: the camera lay on its left side, the picture is turned clockwise for looking at it."""


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def test_reading_gives_every_pixel(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", PIXELS)
    np.testing.assert_array_equal(read(path, 3), PIXELS)
    np.testing.assert_array_equal(read(str(path), 3), PIXELS)


def test_reading_a_grey_image_has_the_channels_that_are_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.png", PIXELS[..., 0])
    np.testing.assert_array_equal(read(path, 1), PIXELS[..., :1])
    np.testing.assert_array_equal(read(path, 3), PIXELS[..., :1].repeat(3, axis=2))


def test_reading_turns_an_image_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURNED_BY_CAMERA
    path = saved(tmp_path / "x.png", PIXELS, exif=exif)
    np.testing.assert_array_equal(read(path, 3), np.rot90(PIXELS, -1))


@pytest.mark.parametrize("alpha", [0, 51, 255])
def test_reading_lays_transparency_on_white(tmp_path: Path, alpha: int) -> None:
    veiled = np.concatenate([PIXELS, np.full((5, 7, 1), alpha, np.uint8)], axis=2)
    shade = alpha / 255
    expected = shade * PIXELS + (1 - shade) * 255
    np.testing.assert_allclose(read(saved(tmp_path / "x.png", veiled), 3), expected, atol=1)


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
