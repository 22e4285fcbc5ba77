"""The digits of scikit-learn, pixel by pixel."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from gan_lightning.data import (
    digits,
)
from tests.data.reference import chw, interpolated, ready


def test_digits_are_scaled_and_interpolated() -> None:
    data = ready(digits())
    assert data.images().shape == (1797, *digits.image_shape)
    grey = np.round(load_digits().images[..., None] * (255 / 16)).astype(np.uint8)
    for image, original in zip(data.images()[::50], grey[::50], strict=True):
        np.testing.assert_array_equal(image, chw(interpolated(original, 16)))
    np.testing.assert_array_equal(data.labels(), load_digits().target)
    assert data.class_names == list("0123456789")
