"""CelebA, pixel by pixel, from its JPEGs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    celeba,
    prepare,
)
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.reference import chw, mean_of_squares, ready


def test_celeba_is_cropped_at_top_45_left_25_and_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = formats.write_celeba(tmp_path)
    formats.expect(monkeypatch, celeba, 3, 0)
    data = ready(celeba(root=str(tmp_path), batch_size=2))
    for image, face in zip(data.images(), decoded, strict=True):
        np.testing.assert_array_equal(image, chw(mean_of_squares(face[45:173, 25:153])))


def test_a_face_of_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write_celeba(tmp_path, count=2)
    formats.expect(monkeypatch, celeba, 2, 0)
    bad = tmp_path / "celeba" / "img_align_celeba" / "000002.jpg"
    bad.write_bytes(formats.jpeg(formats.smooth(218, 177)))
    with pytest.raises(UserError, match=r"is 177x218, CelebA's images are 178x218") as error:
        prepare(celeba(root=str(tmp_path)))
    assert str(bad) in str(error.value)


def test_a_wrong_count_says_both_numbers(tmp_path: Path) -> None:
    formats.write_celeba(tmp_path, count=2)
    with pytest.raises(UserError, match="holds 2 train images of celeba, which has 202,599"):
        prepare(celeba(root=str(tmp_path)))
