"""Files that are there whole or not at all, whatever kills the process that writes them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gan_lightning.errors import UserError


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


@contextmanager
def told(
    path: str | Path, remedy: str = "Make room there, or choose another place"
) -> Iterator[None]:
    """Says in one sentence where a disk is full, broken or not to be written.

    Raises:
        UserError: In place of the system's error; names the file and what to do.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FAULTS:
            raise
        raise UserError(
            f"cannot write {path}: {error.strerror}. What was there before is intact. {remedy}"
        ) from error


FAULTS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG),
}
"""What a disk does to a program that did nothing wrong; and of a place, that it can be none."""


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file with one write, flushed to the disk.

    Raises:
        UserError: The disk is full or not writable.
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


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


def json_sha256(content: object) -> str:
    """Returns the SHA-256 of content as JSON writes it, keys in order: equal where the content is.

    >>> json_sha256({"a": 1, "b": 2}) == json_sha256({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
