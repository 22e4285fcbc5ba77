"""A generator as a source of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.func import functional_call

from gan_lightning.distributed import in_group
from gan_lightning.scores.sources import BLOCK, ImageSource, to_uint8
from gan_lightning.streams import stream


class Generates(Protocol):
    """What is used of a generator, beside its being a module."""

    image_shape: tuple[int, int, int]
    value_range: tuple[float, float]

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """Draws ``n`` latents."""


class GeneratedImages(ImageSource):
    """Images of a generator, a function of its weights, the seed and the index alone.

    The generator is used in evaluation mode and left as it was. In a process group, the first
    process's weights and buffers are used by all (running statistics of batch normalization
    differ between processes), without a change to anybody's own.

    Args:
        generator: A module that is also `Generates`.
        count: Number of images.
        seed: Of the latents; training never draws from the same stream.
        device: Where the generator is.
        weights: Used in place of the generator's own, by name (an average of past weights).
    """

    def __init__(
        self,
        generator: nn.Module,
        count: int,
        seed: int,
        device: torch.device,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.generator = generator
        self.describes: Generates = generator  # type: ignore[assignment]  # both, in one object
        self.count = count
        self.seed = seed
        self.device = device
        self.weights = _of_first_process(generator, weights or {})

    def __len__(self) -> int:
        """Number of images."""
        return self.count

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        return self.describes.image_shape

    @torch.no_grad()
    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Generates the images, and counts those that are not finite or out of range."""
        rng = stream(self.seed, "evaluation", start // BLOCK)
        z = self.describes.latents(stop - start, rng).to(self.device, self._dtype())
        with _evaluating(self.generator):
            images = functional_call(self.generator, self.weights, (z,))
        return to_uint8(images, self.describes.value_range)

    def _dtype(self) -> torch.dtype:
        """The type of the generator's weights: latents must match under bf16-true."""
        return next((p.dtype for p in self.generator.parameters()), torch.float32)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode within; each submodule's own mode after."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def _of_first_process(generator: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The given weights, or in a process group the first process's copies of all of them."""
    if not in_group():
        return dict(weights)
    own = {**dict(generator.named_buffers()), **weights}
    copies = {name: tensor.detach().clone() for name, tensor in own.items()}
    for tensor in copies.values():
        distributed.broadcast(tensor, src=0)
    return copies
