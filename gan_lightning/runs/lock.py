"""One process trains in a folder at a time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.run_folder import LOCK, OWNER


@contextmanager
def run_locked(run: str | Path) -> Iterator[None]:
    """Keeps other processes from training in the folder; its lock ends with the process.

    Args:
        run: The run's folder; it is made.

    Raises:
        UserError: Another process trains there, or the folder cannot be written.
    """
    folder = Path(run)
    with told(folder, "Choose another folder by `run`"):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"{run} is being trained by {_owner(folder)}; wait for it, stop it, or choose "
                "another folder",
                "run",
            ) from None
    try:
        with told(folder, "Choose another folder by `run`"):
            write_whole(folder / OWNER, json.dumps(_this_process()))
        yield
    finally:
        (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def _this_process() -> dict[str, str | int]:
    return {"process": os.getpid(), "host": socket.gethostname()}


def _owner(folder: Path) -> str:
    """The process that has the lock, in words."""
    try:
        owner = json.loads((folder / OWNER).read_text())
        return f"process {owner['process']} on {owner['host']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has not written that yet
        return "another process"
