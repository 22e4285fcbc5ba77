"""Checkpoints on the disk: whole, flushed and verified before they have their name."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gan_lightning.checkpoints.compatible import require_format
from gan_lightning.errors import UserError
from gan_lightning.files import whole


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes and verifies it, and gives it its name.

    At every moment the name holds the old checkpoint or the new one, complete and read back from
    the disk. (Lightning's own goes through the system's temporary folder, from which a move is a
    copy when that is another file system: killed in the middle, it leaves half a checkpoint.)
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Saves to ``path``.

        Raises:
            UserError: The disk is full or not writable; what ``path`` held before is intact.
        """
        try:
            with whole(path) as file:
                torch.save(checkpoint, file)
                _verify_written(file)
        except (OSError, RuntimeError) as error:
            cause = _of_the_system(error)
            if cause is None:
                raise
            raise UserError(
                f"cannot save the checkpoint {path}: {cause.strerror}. What was saved before is "
                "intact; make room, then go on with `ckpt_path` last"
            ) from error

    def load_checkpoint(
        self, path: str | Path, map_location: object = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Verifies and loads a checkpoint of tensors and plain values.

        Raises:
            UserError: The file is damaged, or no checkpoint of this project.
        """
        return read_checkpoint(path)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint into the host's memory; nothing but tensors and plain values is built.

    Raises:
        UserError: The file is absent, damaged, or no checkpoint of this project and format.
    """
    fault, checkpoint = _examined(path)
    if fault:
        raise UserError(f"{path} {fault}; use another checkpoint, such as `ckpt_path` last")
    require_format(checkpoint, path)
    content: dict[str, Any] = checkpoint
    return content


def damage(path: str | Path) -> str | None:
    """What is wrong with a file that should be a checkpoint, or None."""
    return _examined(path)[0]


def _examined(path: str | Path) -> tuple[str | None, Any]:
    """What is wrong with a file, and its content where nothing is."""
    fault = archive_damage(path)
    if fault:
        return fault, None
    try:
        return None, torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        return "holds more than tensors and plain values, so gan fit did not save it", None
    except Exception:  # torch reads parts of the archive that zipfile does not
        return "is damaged", None


def archive_damage(path: str | Path) -> str | None:
    """What is wrong with the ZIP archive that a checkpoint is, or None.

    Its checksums see every flipped bit of every tensor; torch itself does not look at them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except FileNotFoundError:
        return "does not exist"
    except IsADirectoryError:
        return "is a folder"
    except PermissionError:
        return "cannot be read"
    except Exception:  # whatever a damaged archive makes of zipfile
        return "is damaged or no checkpoint"
    return None if bad is None else f"is damaged (the checksum of {bad} does not match)"


def _verify_written(file: IO[bytes]) -> None:
    """Reads a draft back.

    Raises:
        OSError: It does not hold what was written.
    """
    file.flush()
    os.fsync(file.fileno())
    fault = archive_damage(file.name)
    if fault:
        raise OSError(errno.EIO, f"the written file {fault}")


def _of_the_system(error: BaseException | None) -> OSError | None:
    """The system's error behind torch's, which only repeats that writing failed."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
