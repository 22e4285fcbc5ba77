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

UNSTATED = "as its class reads it"
"""The preprocessing of a class that does not say what it does to the images."""


@dataclass(frozen=True)
class Source:
    """The images of one split as they lie on disk.

    Attributes:
        items: One entry per image, in the order of the prepared array.
        read: Turns an item into the prepared image, uint8 ``(H, W, C)``; raises BadImage. It is
            called in other processes, where what it changes is lost.
        labels: int64 ``(count,)``, from 0 on, or None.
        class_names: What each label means, or None.
    """

    items: Sequence[Any] | NDArray[np.uint8]
    read: Callable[[Any], NDArray[np.uint8]]
    labels: NDArray[np.int64] | None = None
    class_names: Sequence[str] | None = None


def states(files: Sequence[Path]) -> NDArray[np.uint64]:
    """Returns a number for each of some sorted files that tells whether it was changed.

    It is a hash of the file's name, size and modification time. Names are taken below the folder
    that the files have in common, so that it may be moved.

    Returns:
        uint64 ``(len(files),)``.
    """
    prefix = len(os.path.commonpath([files[0].parent, files[-1].parent])) if files else 0
    entries = (f"{str(file)[prefix:]}\0{_stat(file)}" for file in files)
    hashes = (
        hashlib.blake2b(entry.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        for entry in entries
    )
    return np.frombuffer(b"".join(hashes), np.uint64)


def _stat(file: Path) -> str:
    try:
        status = file.stat()
    except OSError as error:  # a broken link is a bad image, which is somebody else's concern
        return str(error.errno)
    return f"{status.st_size} {status.st_mtime_ns}"


def signature(of_files: NDArray[np.uint64]) -> str:
    """Returns a checksum over the states of files."""
    return hashlib.sha256(of_files.tobytes()).hexdigest()[:32]
