"""Files that are there whole or not at all, whatever kills the process that writes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def whole(path: str | Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Opens a draft beside ``path`` that takes its name once it is complete and on the disk.

    At every moment ``path`` holds its old content or all of the new one; if the block raises, the
    old one stays and the draft goes.

    Args:
        path: The file; its folder is made.
        mode: "wb" or "w".
        **options: As `open` takes them.

    Yields:
        The draft, open for writing.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.draft-{os.getpid()}")
    try:
        with draft.open(mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    sync(target.parent)


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Writes a small file that is there whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    with whole(path) as file:
        file.write(data)


def writable(path: str | Path) -> bool:
    """Says whether a file can be written there, folders made on the way included."""
    target = Path(path).absolute()
    nearest = next(parent for parent in target.parents if parent.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK) and not target.is_dir()


def sync(folder: Path) -> None:
    """Makes the names in a folder survive a power failure, where folders can be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
