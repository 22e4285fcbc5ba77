"""Images of a generator, as they are stored and seen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.networks import Generator
from gan_lightning.streams import stream


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


@torch.no_grad()
def images_at(
    generator: Generator, indices: Sequence[int], seed: int = 0, chunk: int = 256
) -> Tensor:
    """Makes images of an endless sequence that belongs to a seed.

    The generator is used in eval mode and left as it was.

    Args:
        generator: Makes them.
        indices: Which of the sequence, >= 0.
        seed: Which sequence.
        chunk: How many to make at a time.

    Returns:
        uint8 ``(len(indices), C, H, W)`` on the generator's device.

    Raises:
        UserError: If there are none to make.
    """
    if not len(indices):
        raise UserError("the number of images to make must be >= 1, got 0")
    z = torch.cat([generator.latents(1, stream(seed, "sample", index)) for index in indices])
    parameter = next(generator.parameters())
    training = generator.training
    generator.eval()
    try:
        images = [
            to_uint8(generator(part.to(parameter)), generator.value_range)
            for part in torch.split(z, chunk)
        ]
    finally:
        generator.train(training)
    return torch.cat(images)
