"""Checkpoints of a GAN of a few weights."""

from __future__ import annotations

import os
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gan_lightning import GAN
from gan_lightning.checkpoints.compatible import stamp
from gan_lightning.networks import CNNDiscriminator, CNNGenerator

SHAPE = (1, 16, 16)
SMALL = {
    "generator": {
        "class_path": "gan_lightning.networks.CNNGenerator",
        "init_args": {"latent_dim": 4, "width": 1},
    },
    "discriminator": {
        "class_path": "gan_lightning.networks.CNNDiscriminator",
        "init_args": {"width": 1},
    },
}


def save(module: GAN, path: Path, **changes: Any) -> Path:
    """Saves what Lightning does of a module, as far as loading reads it."""
    arguments = {**dict(module.hparams), **changes}
    checkpoint = {"state_dict": module.state_dict(), "hyper_parameters": arguments}
    stamp(checkpoint)
    torch.save(checkpoint, path)
    return path


def small(**arguments: Any) -> GAN:
    """A GAN of a few weights."""
    makers: dict[str, Any] = {
        "generator": partial(CNNGenerator, latent_dim=4, width=1),
        "discriminator": partial(CNNDiscriminator, width=1),
    }
    return GAN(SHAPE, **{**makers, **arguments})


def as_of_a_gpu(path: Path) -> Path:
    """Makes of a checkpoint what a machine with a GPU writes: its tensors say they were there."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part.replace(_pickled("cpu"), _pickled("cuda:0")))
    return path


def _pickled(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


class MakesAFolder:
    """Runs something where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


class Strange(nn.Module):
    """Of a package that no file may name unasked."""
