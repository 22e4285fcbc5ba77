"""Grids of samples: side by side at some iterations, and one fixed batch through training."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

CHOSEN = 4
"""Iterations that are shown side by side."""

FRAMES = 40
"""Pictures of an animation, at most."""

MILLISECONDS, PAUSE = 250, 1500
"""Of a picture, and of the last one."""

WIDEST = 640
"""Pixels of a picture of an animation."""


class Grid(NamedTuple):
    """A picture of samples.

    Attributes:
        step: After which iteration.
        png: The file's content.
    """

    step: int
    png: bytes


def chosen(steps: Sequence[int], count: int = CHOSEN, asked: Sequence[int] = ()) -> list[int]:
    """Iterations to show: the nearest to those asked for, or evenly spread ones with both ends.

    >>> chosen([10, 20, 30, 40, 50, 60, 70], 3)
    [10, 40, 70]
    >>> chosen([10, 20, 30], asked=[12, 31])
    [10, 30]
    """
    steps = sorted(steps)
    if asked:
        near = (min(steps, key=lambda step: abs(step - wanted)) for wanted in asked)
        return sorted(set(near))
    if len(steps) <= count:
        return list(steps)
    places = (round(k * (len(steps) - 1) / (count - 1)) for k in range(count))
    return [steps[place] for place in places]


def grids(files: Mapping[int, Path], steps: Sequence[int]) -> list[Grid]:
    """The pictures of some iterations; those that are damaged are left out."""
    found = []
    for step in steps:
        try:
            png = files[step].read_bytes()
            with Image.open(io.BytesIO(png)) as picture:
                picture.verify()
        except (OSError, UnidentifiedImageError, SyntaxError):
            continue
        found.append(Grid(step, png))
    return found


def animation(found: Sequence[Grid]) -> bytes:
    """A GIF of the pictures, one after the other; it goes round without an end.

    Args:
        found: Two at least; all take the size of the first.
    """
    frames = []
    size: tuple[int, int] | None = None
    for grid in found:
        with Image.open(io.BytesIO(grid.png)) as picture:
            frame = picture.convert("RGB")
            frame.thumbnail((WIDEST, WIDEST * 2), Image.Resampling.BOX)
            size = size or frame.size
            frames.append(frame if frame.size == size else frame.resize(size))
    file = io.BytesIO()
    durations = [MILLISECONDS] * (len(frames) - 1) + [PAUSE]
    frames[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        disposal=1,
    )
    return file.getvalue()
