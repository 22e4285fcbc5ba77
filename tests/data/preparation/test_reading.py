"""Reading in order, here or in several processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.data import (
    prepare,
    stl10,
)
from tests.data import formats


def test_several_processes_while_a_trainer_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent to other processes is small: not the trainer, nor the network."""
    monkeypatch.setattr("gan_lightning.data.preparation.reading.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 2)
    formats.write_stl10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, stl10, 5, 4)
    attached = stl10(root=str(tmp_path))
    attached.trainer = lambda: None  # type: ignore[assignment]  # cannot be sent
    prepare(attached, processes=2)
    assert attached.images().shape == (5, 3, 48, 48)
