"""Augmentation of what the discriminator sees, for training on few images.

Real and generated images are changed alike before the discriminator judges them, in its own update
and in the generator's, so that generated images do not learn the changes themselves. How each image
is changed is a function of uniform numbers that are drawn with everything else of an iteration
(`gan_lightning.draws`); nothing here is random.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gan_lightning.errors import UserError

View = Callable[..., Tensor]
"""``(images, *views) -> images``: what the discriminator sees of images, ``(N, C, H, W)``."""


def as_they_are(images: Tensor, *views: Tensor) -> Tensor:
    """The view without augmentation."""
    return images


class Augmentation(ABC):
    """Changes images, each by its own numbers, with gradients back to their pixels.

    Attributes:
        numbers: How many uniform numbers an image takes.
    """

    numbers: ClassVar[int]

    @abstractmethod
    def __call__(
        self, images: Tensor, numbers: Tensor, value_range: tuple[float, float] = (-1.0, 1.0)
    ) -> Tensor:
        """Changes images.

        Args:
            images: ``(N, C, H, W)``.
            numbers: Uniform on [0, 1), ``(N, self.numbers)``, float32 or more.
            value_range: The values of black and white.

        Returns:
            Images of the same shape and type.
        """


Change = Literal["colour", "translation", "cutout"]
CHANGES: tuple[Change, ...] = ("colour", "translation", "cutout")


class DiffAugment(Augmentation):
    """Differentiable augmentation (Zhao et al. 2020, section 3.2).

    Colour: brightness moves by up to a quarter of the value range, saturation is multiplied by 0
    to 2 (which does nothing to grey images), contrast by 0.5 to 1.5. Translation: by up to 1/8 of
    each side. Cutout: a square of half of each side. What comes into view or is cut out has the
    middle of the value range, 0 where pixels go from -1 to 1. The changes are made in this order.

    In the paper's code the generator's update augments its images anew. Here it shares the numbers
    of the last discriminator update, as it shares that update's latents; a generator batch of its
    own size has its own.

    Args:
        policy: Which of colour, translation, cutout; all by default.
    """

    numbers = 7  # whatever the policy: leaving out one change leaves the others as they were

    def __init__(self, policy: Sequence[Change] = CHANGES) -> None:
        if not policy or len({*policy}) < len(policy) or not {*policy} <= {*CHANGES}:
            raise UserError(
                f"must name some of {', '.join(CHANGES)}, each once, got {list(policy)}; without "
                "any change, leave the augmentation out",
                "policy",
            )
        self.policy = list(policy)

    def __call__(
        self, images: Tensor, numbers: Tensor, value_range: tuple[float, float] = (-1.0, 1.0)
    ) -> Tensor:
        """Changes images."""
        low, high = value_range
        middle = (low + high) / 2
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        if "colour" in self.policy:
            x = recoloured(x, numbers[:, 0:3], (high - low) / 2)
        if "translation" in self.policy:
            x = translated(x, numbers[:, 3:5], middle)
        if "cutout" in self.policy:
            x = cut_out(x, numbers[:, 5:7], middle)
        return x.to(images.dtype)


def recoloured(x: Tensor, numbers: Tensor, brightest: float) -> Tensor:
    """Moves brightness by half of ``brightest`` at most, and scales saturation and contrast."""
    brightness, saturation, contrast = numbers.to(x)[:, :, None, None, None].unbind(1)
    x = x + (brightness - 0.5) * brightest
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * saturation)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (contrast + 0.5)


def translated(x: Tensor, numbers: Tensor, fill: float) -> Tensor:
    """Moves images by up to 1/8 of each side."""
    channels, height, width = x.shape[1:]
    rows, in_rows = _moved(numbers[:, 0], height)
    columns, in_columns = _moved(numbers[:, 1], width)
    source = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # (N, H * W)
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)  # (N, H * W, C), as they lie in memory
    moved = pixels.gather(1, source[:, :, None].expand(-1, -1, channels))
    moved = moved.unflatten(1, (height, width)).permute(0, 3, 1, 2)
    return torch.where(_both(in_rows, in_columns), moved, fill)


def _moved(numbers: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """For each place of a side, ``(N, side)``: what moves there, and whether there is any."""
    reach = _of_side(1 / 8, side)
    shift = _integer(numbers, 2 * reach + 1) - reach
    source = torch.arange(side, device=numbers.device) + shift[:, None]
    return source.clamp(0, side - 1), (source >= 0) & (source < side)


def cut_out(x: Tensor, numbers: Tensor, fill: float) -> Tensor:
    """Fills a square of half of each side, whose centre lies anywhere in the image."""
    height, width = x.shape[2:]
    return torch.where(_both(_cut(numbers[:, 0], height), _cut(numbers[:, 1], width)), fill, x)


def _cut(numbers: Tensor, side: int) -> Tensor:
    """Whether each place of a side lies in the cut, ``(N, side)``."""
    size = _of_side(1 / 2, side)
    start = _integer(numbers, side + 1 - size % 2)[:, None] - size // 2
    place = torch.arange(side, device=numbers.device)
    return (place >= start) & (place < start + size)


def _of_side(ratio: float, side: int) -> int:
    return int(side * ratio + 0.5)


def _integer(numbers: Tensor, count: int) -> Tensor:
    """Uniform integers from 0 to ``count - 1`` of uniform numbers; a product may round up."""
    return (numbers * count).floor().clamp(max=count - 1).long()


def _both(rows: Tensor, columns: Tensor) -> Tensor:
    """``(N, H), (N, W) -> (N, 1, H, W)``."""
    return (rows[:, :, None] & columns[:, None, :])[:, None]
