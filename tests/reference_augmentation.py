"""DiffAugment pixel by pixel, from the text and the code of Zhao et al. 2020.

Nothing here calls the project's own augmentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def literally(
    policy: Sequence[str], value_range: tuple[float, float] = (-1.0, 1.0)
) -> Callable[[Tensor, Tensor], Tensor]:
    """DiffAugment of a policy, of images and their seven numbers."""

    def augment(images: Tensor, numbers: Tensor) -> Tensor:
        pairs = zip(images, numbers.tolist(), strict=True)
        return torch.stack([one(image, list(u), policy, value_range) for image, u in pairs])

    return augment


def one(
    image: Tensor, u: list[float], policy: Sequence[str], value_range: tuple[float, float]
) -> Tensor:
    """Of one image, ``(C, H, W)``."""
    low, high = value_range
    # The code is written for pixels from -1 to 1: go there, and back at the end.
    x = (image - low) / (high - low) * 2 - 1
    for change in policy:
        if change == "colour":
            x = x + (u[0] - 0.5)
            x = (x - x.mean(0)) * (u[1] * 2) + x.mean(0)
            x = (x - x.mean()) * (u[2] + 0.5) + x.mean()
        if change == "translation":
            x = translated(x, u[3], u[4])
        if change == "cutout":
            x = cut(x, u[5], u[6])
    return (x + 1) / 2 * (high - low) + low


def translated(x: Tensor, u: float, v: float) -> Tensor:
    """Each pixel fetched on its own; 0 from outside."""
    _, height, width = x.shape
    down, right = (
        integer(t, 2 * eighth(side) + 1) - eighth(side) for t, side in ((u, height), (v, width))
    )
    rows = []
    for i in range(height):
        row = []
        for j in range(width):
            inside = 0 <= i + down < height and 0 <= j + right < width
            row.append(x[:, i + down, j + right] if inside else torch.zeros_like(x[:, 0, 0]))
        rows.append(torch.stack(row, 1))
    return torch.stack(rows, 1)


def cut(x: Tensor, u: float, v: float) -> Tensor:
    """The code's mask: a grid of half the side around the centre, clamped into the image."""
    _, height, width = x.shape
    mask = torch.ones_like(x[0])
    size_h, size_w = int(height * 0.5 + 0.5), int(width * 0.5 + 0.5)
    centre_h, centre_w = integer(u, height + 1 - size_h % 2), integer(v, width + 1 - size_w % 2)
    for a in range(size_h):
        for b in range(size_w):
            i = min(max(a + centre_h - size_h // 2, 0), height - 1)
            j = min(max(b + centre_w - size_w // 2, 0), width - 1)
            mask[i, j] = 0
    return x * mask


def eighth(side: int) -> int:
    return int(side * 0.125 + 0.5)


def integer(u: float, count: int) -> int:
    """Of 0 to count - 1, each as likely."""
    return min(int(u * count), count - 1)
