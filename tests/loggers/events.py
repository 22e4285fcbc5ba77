"""What TensorBoard's files hold."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def _read(folder: Path) -> Any:  # noqa: ANN401  (TensorBoard has no types)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    found.Reload()
    return found


def events(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], dict[str, list[int]]]:
    """Scalars, and the steps of images, of all of TensorBoard's files in a folder."""
    found = _read(folder)
    tags: Any = found.Tags()
    scalars = {t: [(e.step, e.value) for e in found.Scalars(t)] for t in tags["scalars"]}
    return scalars, {t: [e.step for e in found.Images(t)] for t in tags["images"]}


def pictures(folder: Path, name: str) -> list[np.ndarray]:
    """The pixels of all pictures of a name."""
    shown = (Image.open(io.BytesIO(e.encoded_image_string)) for e in _read(folder).Images(name))
    return [np.asarray(picture) for picture in shown]
