"""A generator as a source of images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, distributed

from gan_lightning.distributed import in_group
from gan_lightning.images import generate, shuffled_classes, to_uint8, with_weights
from gan_lightning.networks import Generator
from gan_lightning.normalization import refresh_
from gan_lightning.scores.sources import ImageSource


class GeneratedImages(ImageSource):
    """Images of a generator, a function of its weights, the seed and the index alone.

    The generator is used in evaluation mode and left as it was. In a process group, the first
    process's weights and buffers are used by all (running statistics of batch normalization
    differ between processes), without a change to anybody's own. All classes come equally often.

    Args:
        generator: Makes the images.
        count: Number of images.
        seed: Of the latents; training never draws from the same stream.
        weights: Used in place of the generator's own, by name (an average of past weights).
    """

    def __init__(
        self,
        generator: Generator,
        count: int,
        seed: int,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        if weights or in_group():
            generator = with_weights(generator, weights or {})
            _take_from_first_process(generator)
        self.generator = generator
        self.count = count
        self.seed = seed
        self._labels = shuffled_classes(generator, count, seed)
        self.labels = self._labels[0].numpy() if self._labels else None

    def __len__(self) -> int:
        """Number of images."""
        return self.count

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        return self.generator.image_shape

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Generates the images, and counts those that are not finite or out of range."""
        labels = [y[start:stop] for y in self._labels]
        images = generate(self.generator, range(start, stop), self.seed, "evaluation", labels)
        return to_uint8(images, self.generator.value_range)


@torch.no_grad()
def _take_from_first_process(generator: Generator) -> None:
    if in_group():
        for tensor in generator.state_dict().values():
            distributed.broadcast(tensor, src=0)
        refresh_(generator)
