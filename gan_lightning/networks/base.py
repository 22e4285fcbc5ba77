"""What every generator of the project promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """A network from latents to images.

    Attributes:
        image_shape: ``(channels, height, width)`` of the images it makes.
        latent_dim: Number of components of one latent.
        value_range: Smallest and largest pixel value, that of the last activation.
    """

    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_dim = latent_dim

    @abstractmethod
    def forward(self, z: Tensor) -> Tensor:
        """Makes images, ``(N, latent_dim) -> (N, channels, height, width)``."""

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """Draws ``n`` latents from N(0, I): float32 ``(n, latent_dim)`` on the CPU."""
        return torch.from_numpy(rng.standard_normal((n, self.latent_dim), dtype=np.float32))
