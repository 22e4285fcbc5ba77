"""Images as files: PNGs one by one, many on one sheet, and all of them in an npz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from gan_lightning.files import told, whole


def save_grid(images: Tensor, path: Path, columns: int) -> None:
    """Saves uint8 images ``(N, C, H, W)`` as one PNG, small ones enlarged to be seen."""
    grid = make_grid(images, nrow=columns, padding=1).permute(1, 2, 0).cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    factor = max(1, 64 // images.shape[-1])
    picture = Image.fromarray(grid)
    size = (picture.width * factor, picture.height * factor)
    with told(path), whole(path) as file:
        picture.resize(size, Image.Resampling.NEAREST).save(file, format="PNG")


def save_singles(images: Tensor, folder: Path) -> None:
    """Saves uint8 images ``(N, C, H, W)`` as ``00000.png`` and so on, pixel by pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images.permute(0, 2, 3, 1).cpu().numpy()):
        path = folder / f"{number:05d}.png"
        with told(path), whole(path) as file:
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")


def save_arrays(images: Tensor, labels: Sequence[Tensor], path: Path) -> None:
    """Saves images as ``gan evaluate`` reads them.

    Args:
        images: uint8 ``(N, C, H, W)``; in the npz ``images``, ``(N, H, W, C)``.
        labels: Their classes in parts, each int64; in the npz ``labels``, ``(N,)``. None where
            there are no classes.
        path: The npz.
    """
    arrays = {"images": images.permute(0, 2, 3, 1).cpu().numpy()}
    if labels:
        arrays["labels"] = torch.cat(list(labels)).cpu().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    with told(path), whole(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # none is called allow_pickle
