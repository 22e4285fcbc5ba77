"""Images as PNG files: one by one, and many on one sheet."""

from __future__ import annotations

from pathlib import Path

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
