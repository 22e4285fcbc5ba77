"""Between the pixels that networks make and those that are stored and seen."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_lightning.errors import UserError


def to_uint8(images: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Quantizes images to the nearest of 256 levels.

    Args:
        images: Floating point, any shape, in ``value_range``; slightly beyond it is clamped.
        value_range: The values of black and white.

    Returns:
        uint8, same shape.

    Raises:
        UserError: A pixel is NaN or infinite.

    >>> to_uint8(torch.tensor([-1.0, 0.0, 1.0]), (-1.0, 1.0)).tolist()
    [0, 128, 255]
    """
    if not torch.isfinite(images).all():
        raise UserError("the generator makes NaN or infinite pixels; use an earlier checkpoint")
    low, high = value_range
    # Without rounding, 63 of the 256 levels would come back one too low.
    return ((images.float() - low) * (255 / (high - low))).round().clamp(0, 255).to(torch.uint8)
