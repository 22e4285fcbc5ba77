"""What several tests of the data start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data import formats
from tests.data.formats import COUNT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of more images than one block holds, in four classes."""
    images = {f"{i % 4}/{i:03}.png": formats.noise(8, 8, 3, seed=i) for i in range(COUNT)}
    formats.write_folder(tmp_path / "images", images)
    return tmp_path / "images"
