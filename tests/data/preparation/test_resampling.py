"""Halving and bilinear interpolation."""

from __future__ import annotations

import numpy as np

from gan_lightning.data.preparation.resampling import bilinear, halve
from tests.data import formats


def test_halving_rounds_half_up() -> None:
    for total, mean in ((0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (1018, 255), (1017, 254)):
        first = min(total, 255)
        rest = [min(max(total - 255 * k, 0), 255) for k in (1, 2, 3)]
        squares = np.array([first, *rest], np.uint8).reshape(2, 2, 1)
        assert halve(squares).item() == mean


def test_bilinear_at_one_half_is_halving() -> None:
    image = formats.noise(64, 64, 3)
    np.testing.assert_array_equal(bilinear(image, 32), halve(image))
    np.testing.assert_array_equal(bilinear(image, 64), image)
