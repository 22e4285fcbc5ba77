"""CIFAR10, pixel by pixel, from its pickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    cifar10,
)
from tests.data import formats
from tests.data.reference import ready


def test_cifar10_is_the_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = formats.write_cifar10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, cifar10, 20, 4)
    monkeypatch.setattr(cifar10, "num_classes", 10)
    data = ready(cifar10(root=str(tmp_path), batch_size=2))
    for split in data.splits:
        rows, labels = made[split]
        np.testing.assert_array_equal(data.images(split).reshape(len(rows), -1), rows)
        np.testing.assert_array_equal(data.labels(split), labels)
    assert data.class_names is not None
    assert (data.class_names[0], data.class_names[9]) == ("airplane", "truck")
