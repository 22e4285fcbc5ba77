"""STL10, pixel by pixel, from its binaries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    stl10,
)
from tests.data import formats
from tests.data.reference import chw, mean_of_squares, ready


def test_stl10_is_the_unlabeled_binaries_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = formats.write_stl10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, stl10, 5, 4)
    data = ready(stl10(root=str(tmp_path), batch_size=2))
    for split in data.splits:
        for image, columns_first in zip(data.images(split), made[split], strict=True):
            upright = columns_first.transpose(2, 1, 0)  # (C, W, H) to (H, W, C)
            np.testing.assert_array_equal(image, chw(mean_of_squares(upright)))
        assert data.labels(split) is None
