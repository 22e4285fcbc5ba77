"""MNIST, pixel by pixel, from its idx files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    mnist,
    prepare,
)
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.reference import ready


def test_mnist_is_the_idx_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = formats.write_mnist(tmp_path)
    formats.expect(monkeypatch, mnist, 12, 10)
    data = ready(mnist(root=str(tmp_path), batch_size=2))
    for split in data.splits:
        np.testing.assert_array_equal(data.images(split)[:, 0], made[split][0])
        np.testing.assert_array_equal(data.labels(split), made[split][1])
    assert data.class_names == tuple("0123456789")


@pytest.mark.parametrize("size", [0, 10, 16 + 5 * 784])
def test_truncated_idx_files(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write_mnist(tmp_path)
    formats.expect(monkeypatch, mnist, 12, 10)
    os.truncate(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", size)
    with pytest.raises(UserError, match="mnist could not be read"):
        prepare(mnist(root=str(tmp_path)))
