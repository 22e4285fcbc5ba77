"""Files of weights that are too large to come with the package: named, found, or downloaded."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gan_lightning.errors import UserError, reading

_TIMEOUT = 30  # seconds without an answer


def default_path(url: str) -> Path:
    """Where a download lies unless the user says otherwise: torch hub's folder."""
    return Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[1])


def found(given: str | None, url: str, sha256: str | None, remedy: str) -> Path:
    """The file of weights: the one given, or the one in torch hub's folder, downloaded if need be.

    Args:
        given: A file that the user named.
        url: Where to download from.
        sha256: What a download must hash to, if that is known.
        remedy: What the user can do where there is none.

    Raises:
        UserError: If the file is missing and cannot be downloaded.
    """
    path = default_path(url) if given is None else Path(given).expanduser()
    if path.is_file():
        return path
    if given is not None:
        raise UserError(f"{path} is no file. {remedy}", "weights")
    _download(url, path, sha256, remedy)
    return path


def tensors(path: Path, remedy: str) -> Mapping[str, Tensor]:
    """The tensors of a file of weights; nothing else in it is ever run.

    Raises:
        UserError: If it cannot be read, or holds anything but tensors by name.
    """
    with reading(
        lambda said: UserError(f"{path} holds no weights that can be read: {said}. {remedy}")
    ):
        state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise UserError(f"{path} does not hold tensors by name. {remedy}")
    return state


def _download(url: str, path: Path, sha256: str | None, remedy: str) -> None:
    """Downloads a file, which appears only when it is complete and its checksum right."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"the weights are not in {path} and cannot be downloaded ({error}). {remedy}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
