"""Grids of samples: which are shown, and one fixed batch through training."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from gan_lightning.report.grids import animation, chosen, grids
from tests.report.made import png


def test_an_animation_goes_through_training(tmp_path: Path) -> None:
    files = {k: png(tmp_path / "samples" / f"{k}.png", k) for k in (10, 20, 30)}
    (tmp_path / "samples" / "40.png").write_bytes(b"\x89PNG\r\n")
    files[40] = tmp_path / "samples" / "40.png"
    found = grids(files, chosen(list(files)))
    assert [grid.step for grid in found] == [10, 20, 30]  # the damaged one is left out
    with Image.open(io.BytesIO(animation(found))) as moving:
        assert (moving.format, moving.n_frames, moving.size) == ("GIF", 3, (64, 32))  # type: ignore[attr-defined]
