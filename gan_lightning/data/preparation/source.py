"""What a dataset is before it is prepared: items on disk and how to read one of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Source:
    """The images of one split as they lie on disk.

    Attributes:
        items: One entry per image, in the order of the prepared array; slices of it are sent to
            other processes.
        read: Turns an item into the prepared image, uint8 ``(H, W, C)``; raises BadImage. A
            function that can be sent to other processes, not a method of the dataset.
        labels: int64 ``(count,)``, or None.
    """

    items: Sequence[Any] | NDArray[np.uint8]
    read: Callable[[Any], NDArray[np.uint8]]
    labels: NDArray[np.int64] | None


def signature(files: Sequence[Path]) -> str:
    """Returns a checksum over the names, sizes and modification times of sorted files.

    Names are taken below the folder that the files have in common, so it may be moved.
    """
    digest = hashlib.sha256()
    prefix = len(os.path.commonpath([files[0].parent, files[-1].parent])) if files else 0
    for file in files:
        entry = f"{str(file)[prefix:]}\0{_state(file)}\n"
        digest.update(entry.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _state(file: Path) -> str:
    try:
        status = file.stat()
    except OSError as error:  # a broken link is a bad image, which is somebody else's concern
        return str(error.errno)
    return f"{status.st_size} {status.st_mtime_ns}"
