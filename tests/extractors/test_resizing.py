"""Ways to bring images to a network's size: each as the code that it repeats, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gan_lightning.extractors.resizing import clean, pillow, tf1

WAYS: dict[str, Callable[[Tensor, int], Tensor]] = {"tf1": tf1, "clean": clean, "pillow": pillow}
every_way = pytest.mark.parametrize("way", WAYS)


def noise(n: int, height: int, width: int) -> Tensor:
    pixels = np.random.default_rng(0).integers(256, size=(n, 3, height, width), dtype=np.uint8)
    return torch.from_numpy(pixels)


@pytest.mark.parametrize("shape", [(32, 32), (40, 24), (299, 299), (400, 310)])
def test_the_clean_resize_is_pillows(shape: tuple[int, int]) -> None:
    """Of each channel in floating point, as clean-fid does it."""
    height, width = shape
    image = np.random.default_rng(0).integers(256, size=(height, width), dtype=np.uint8)
    resized = Image.fromarray(image.astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
    got = clean(torch.from_numpy(image)[None, None], 299)[0, 0].numpy()
    np.testing.assert_allclose(got, np.asarray(resized).clip(0, 255), atol=5e-3)
    assert got.max() == 255 or shape == (299, 299)


@pytest.mark.parametrize("size", [4, 7])
def test_tf1s_resize_takes_each_pixel_from_where_tensorflow_took_it(size: int) -> None:
    image = np.random.default_rng(0).integers(256, size=(5, 5), dtype=np.uint8)
    got = tf1(torch.from_numpy(image)[None, None], size)[0, 0].numpy()
    for i in range(size):
        for j in range(size):
            y, x = i * 5 / size, j * 5 / size
            top, left = int(y), int(x)
            bottom, right = min(top + 1, 4), min(left + 1, 4)
            dy, dx = y - top, x - left
            rows = [image[r, left] * (1 - dx) + image[r, right] * dx for r in (top, bottom)]
            assert got[i, j] == pytest.approx(rows[0] * (1 - dy) + rows[1] * dy, abs=1e-3)


@pytest.mark.parametrize("size", [16, 48, 300])
def test_the_resize_of_bytes_is_pillows(size: int) -> None:
    image = np.random.default_rng(0).integers(256, size=(size, size, 3), dtype=np.uint8)
    expected = Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC)
    got = pillow(torch.from_numpy(image).permute(2, 0, 1)[None], 224)[0].permute(1, 2, 0)
    np.testing.assert_array_equal(got, np.asarray(expected))


@every_way
@pytest.mark.parametrize("size", [4, 9, 20])
def test_the_result_is_square_floats_between_black_and_white(way: str, size: int) -> None:
    """Bicubic kernels overshoot, and sizes need not be those of the image."""
    stripes = torch.tensor([0, 255, 255], dtype=torch.uint8).repeat(4).expand(2, 3, 9, 12)
    resized = WAYS[way](stripes, size)
    assert (resized.shape, resized.dtype) == ((2, 3, size, size), torch.float32)
    assert resized.min() >= 0
    assert resized.max() <= 255


@every_way
def test_images_of_the_size_stay_as_they_are(way: str) -> None:
    images = noise(2, 9, 9)
    torch.testing.assert_close(WAYS[way](images, 9), images.float(), rtol=0, atol=1e-3)


@every_way
@pytest.mark.parametrize("size", [3, 17])
def test_one_colour_stays_that_colour(way: str, size: int) -> None:
    colour = torch.tensor([0, 7, 255], dtype=torch.uint8)[:, None, None]
    resized = WAYS[way](colour.expand(1, 3, 8, 6), size)
    expected = colour.float().expand(1, 3, size, size)
    torch.testing.assert_close(resized, expected, rtol=0, atol=1e-3)


@every_way
def test_images_are_resized_one_by_one(way: str) -> None:
    images = noise(3, 10, 7)
    alone = torch.cat([WAYS[way](image[None], 6) for image in images])
    torch.testing.assert_close(WAYS[way](images, 6), alone, rtol=0, atol=1e-3)


def test_shrinking_averages_except_as_tensorflow_did() -> None:
    """Of stripes one pixel wide, TensorFlow 1 takes the even ones; the others make grey."""
    stripes = torch.tensor([200, 0], dtype=torch.uint8).repeat(16).expand(1, 3, 32, 32)
    assert tf1(stripes, 8).unique().tolist() == [200.0]
    for smooth in (clean, pillow):
        inside = smooth(stripes, 8)[..., 2:-2]
        assert (inside - 100).abs().max() < 5


def test_only_bytes_are_rounded() -> None:
    images = noise(1, 12, 12)
    assert torch.equal(pillow(images, 8), pillow(images, 8).round())
    assert not torch.equal(clean(images, 8), clean(images, 8).round())
    assert not torch.equal(tf1(images, 8), tf1(images, 8).round())
