"""PNG files, read back pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.sampling.pictures import save_arrays, save_grid, save_singles


def random(n: int, channels: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, height, width), dtype=torch.uint8, generator=generator)


def pixels(path: Path) -> Tensor:
    """uint8 ``(3, H, W)``, or ``(1, H, W)`` of a grey file."""
    with Image.open(path) as picture:
        array = np.array(picture)
    return torch.from_numpy(array).view(*array.shape[:2], -1).permute(2, 0, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_stand_row_by_row_with_a_black_line_around_each(
    tmp_path: Path, channels: int
) -> None:
    """The last row is filled up with black."""
    images = random(5, channels, 64, 70)
    save_grid(images, tmp_path / "grid.png", columns=3)
    expected = torch.zeros(3, 2 * 65 + 1, 3 * 71 + 1, dtype=torch.uint8)
    for k, image in enumerate(images):
        y, x = 65 * (k // 3) + 1, 71 * (k % 3) + 1
        expected[:, y : y + 64, x : x + 70] = image
    assert torch.equal(pixels(tmp_path / "grid.png"), expected)


@pytest.mark.parametrize(("width", "factor"), [(1, 64), (16, 4), (20, 3), (33, 1), (100, 1)])
def test_small_images_are_enlarged_pixel_by_pixel(tmp_path: Path, width: int, factor: int) -> None:
    """As often as 64 has room for their width; each pixel stays one colour."""
    images = random(2, 3, 8, width)
    save_grid(images, tmp_path / "grid.png", columns=2)
    got = pixels(tmp_path / "grid.png")
    assert got.shape == (3, 10 * factor, (2 * (width + 1) + 1) * factor)
    small = got[:, ::factor, ::factor]
    assert torch.equal(small.repeat_interleave(factor, 1).repeat_interleave(factor, 2), got)
    assert torch.equal(small[:, 1:9, 1 : 1 + width], images[0])


def test_one_image_has_no_lines_and_missing_ones_no_columns(tmp_path: Path) -> None:
    save_grid(random(1, 1, 64, 64), tmp_path / "one.png", columns=4)
    save_grid(random(2, 1, 64, 64), tmp_path / "few.png", columns=8)
    assert torch.equal(pixels(tmp_path / "one.png"), random(1, 1, 64, 64)[0].expand(3, -1, -1))
    assert pixels(tmp_path / "few.png").shape == (3, 66, 2 * 65 + 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_single_images_come_back_to_the_last_bit(tmp_path: Path, channels: int) -> None:
    """By number, grey ones as grey, in a folder that is made."""
    images, folder = random(11, channels, 5, 7), tmp_path / "a" / "b"
    save_singles(images, folder)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{k:05d}.png" for k in range(11)]
    for name, image in zip(names, images, strict=True):
        assert torch.equal(pixels(folder / name), image)


def test_no_images_are_an_empty_folder(tmp_path: Path) -> None:
    save_singles(random(0, 3, 4, 4), tmp_path / "none")
    assert list((tmp_path / "none").iterdir()) == []


def test_a_picture_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    for images in (random(4, 3, 64, 64), 255 - random(2, 3, 64, 64)):
        save_grid(images, tmp_path / "grid.png", columns=1)
        save_singles(images, tmp_path)
    assert torch.equal(pixels(tmp_path / "grid.png")[:, 1:65, 1:65], images[0])
    assert torch.equal(pixels(tmp_path / "00000.png"), images[0])
    assert len(list(tmp_path.iterdir())) == 5


def test_a_place_that_cannot_be_written_is_told_by_the_files_name(tmp_path: Path) -> None:
    for name in ("grid.png", "00000.png"):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=r"^cannot write .*grid\.png: "):
        save_grid(random(1, 3, 8, 8), tmp_path / "grid.png", columns=1)
    with pytest.raises(UserError, match=r"^cannot write .*00000\.png: "):
        save_singles(random(1, 3, 8, 8), tmp_path)
    assert not list(tmp_path.glob("*draft*"))


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_arrays_hold_every_image_in_order_with_its_class(tmp_path: Path, parts: int) -> None:
    images = random(6, 3, 8, 5)
    labels = [torch.arange(6)[k::parts] for k in range(parts)]
    save_arrays(images, labels, tmp_path / "new" / "images.npz")
    with np.load(tmp_path / "new" / "images.npz") as arrays:
        assert arrays["images"].dtype == np.uint8
        for got, image in zip(arrays["images"], images, strict=True):
            assert torch.equal(torch.from_numpy(got).permute(2, 0, 1), image)
        assert set(arrays) == ({"images", "labels"} if parts else {"images"})
        if parts:
            assert arrays["labels"].tolist() == [int(y) for own in labels for y in own]
