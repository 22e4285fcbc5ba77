"""What a checkpoint of a model may hold, and which model may load it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from gan_lightning.errors import UserError

FORMAT = 3
"""Changes when checkpoints of an older version can no longer be gone on with."""

STAMP = "gan_lightning"
"""The key under which a checkpoint says what wrote it, with which options."""


def stamp(checkpoint: dict[str, Any]) -> None:
    """Notes format and version in a checkpoint."""
    checkpoint.setdefault(STAMP, {}).update(format=FORMAT, version=version("gan-lightning"))


def require_format(checkpoint: object, path: str | Path = "the checkpoint") -> None:
    """Looks whether this version can go on from a checkpoint.

    Raises:
        UserError: Another program wrote it, or another version of this one.
    """
    if not isinstance(checkpoint, Mapping) or "state_dict" not in checkpoint:
        raise UserError(f"{path} is no checkpoint of gan_lightning; use one that gan fit saved")
    found = checkpoint.get(STAMP)
    if not isinstance(found, Mapping) or "format" not in found:
        raise UserError(
            f"{path} was saved by gan_lightning 0.1.0 or by another program, in a format that this "
            f"version ({version('gan-lightning')}) does not read; use the version that saved it, "
            "or train anew"
        )
    if found["format"] != FORMAT:
        raise UserError(
            f"{path} is in format {found['format']} of gan_lightning {found.get('version')}, but "
            f"this version ({version('gan-lightning')}) reads format {FORMAT}; use the version "
            "that saved it, or train anew"
        )


def require_same_architecture(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Compares the tensors of a model with those of a checkpoint by name and shape.

    Raises:
        UserError: They differ; names the first tensor that does.
    """
    here, there = ({key: tuple(t.shape) for key, t in state.items()} for state in (own, saved))
    differing = [key for key in here | there if here.get(key) != there.get(key)]
    if differing:
        key = differing[0]
        raise UserError(
            f"holds another architecture: {key} is {there.get(key, 'absent')} "
            f"there and {here.get(key, 'absent')} here ({len(differing)} tensors differ). "
            "Use the config of the run that saved it: name that by `run`",
            "ckpt_path",
        )


def is_plain(value: object) -> bool:
    """Whether torch's ``weights_only`` loader reads the value.

    >>> is_plain({"lr": 0.1, "betas": (0.5, 0.9)}), is_plain({"norm": object()})
    (True, False)
    """
    if isinstance(value, Mapping):
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
