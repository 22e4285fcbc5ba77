"""Preparing again: images whose files are as they were are taken over from the old array.

A few files more in a folder of a million then cost reading those few, not hours of decoding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.preparation.source import UNSTATED, Source
from gan_lightning.data.prepared import IMAGES, STATES, Manifest, mapped
from gan_lightning.errors import UserError
from gan_lightning.files import sha256


@dataclass(frozen=True)
class OldRow:
    """An image's place in an older array.

    Attributes:
        array: The array's file.
        number: Its row there.
    """

    array: Path
    number: int


def reusing(source: Source, states: NDArray[np.uint64], old: Path, plan: Manifest) -> Source:
    """Lets a source take from an older array what has not changed since.

    Args:
        source: The images, each of which is a file.
        states: The state of each file.
        old: Where the older array lies, if there is one.
        plan: What is to be prepared.

    Returns:
        The source itself where there is no older array of the same preprocessing, where the class
        does not state its preprocessing, or where the array has not the checksum of its manifest.
    """
    rows = _rows(old, plan)
    if not rows:
        return source
    items = [
        OldRow(old / IMAGES, rows[state]) if state in rows else item
        for item, state in zip(source.items, states.tolist(), strict=True)
    ]
    return replace(source, items=items, read=TakeOrRead(source.read))


def _rows(old: Path, plan: Manifest) -> dict[int, int]:
    """Returns the row of each state of a file in an array that can be trusted."""
    try:
        manifest = Manifest.load(old)
        same = (manifest.dataset, manifest.preprocessing, manifest.shape[1:]) == (
            plan.dataset,
            plan.preprocessing,
            plan.shape[1:],
        )
        if not same or plan.preprocessing == UNSTATED or sha256(old / IMAGES) != manifest.sha256:
            return {}
        mapped(old / IMAGES, manifest)  # or it is no array of images
        states = np.load(old / STATES)
    except (OSError, ValueError, UserError):
        return {}
    return {state: row for row, state in enumerate(states.tolist())}


@dataclass(frozen=True)
class TakeOrRead:
    """Takes a row out of an older array, and reads everything else.

    Attributes:
        read: How to read an item.
    """

    read: Callable[[Any], NDArray[np.uint8]]

    def __call__(self, item: object) -> NDArray[np.uint8]:
        """Returns the prepared image, uint8 ``(H, W, C)``."""
        if not isinstance(item, OldRow):
            return self.read(item)
        images: NDArray[np.uint8] = np.load(item.array, mmap_mode="r")
        image: NDArray[np.uint8] = images[item.number]
        return image
