"""The networks of BSSN's MNIST experiments (BSSN Tables 4 and 5)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks.base import Generator
from gan_lightning.networks.cnn import INIT_STD


def _check(image_shape: tuple[int, int, int]) -> None:
    if image_shape != (1, 28, 28):
        raise UserError(f"takes 28x28 images of one channel, got {image_shape}")


def _initialize(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=INIT_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class MNISTGenerator(Generator):
    """Linear, then two deconvolutions that double the size; sigmoid.

    Args:
        image_shape: (1, 28, 28).
        latent_dim: Number of components of a latent, uniform on (-1, 1); 100 in the paper.
    """

    value_range = (0.0, 1.0)

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int = 100) -> None:
        super().__init__(image_shape, latent_dim)
        _check(image_shape)
        self.linear = nn.Linear(latent_dim, 128 * 7 * 7)
        self.layers = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.BatchNorm2d(128),
            nn.ConvTranspose2d(128, 64, 5, stride=2, padding=2, output_padding=1),  # 7 -> 14
            nn.LeakyReLU(0.2),
            nn.BatchNorm2d(64),
            nn.ConvTranspose2d(64, 1, 5, stride=2, padding=2, output_padding=1),  # 14 -> 28
            nn.Sigmoid(),
        )
        _initialize(self)

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """Draws ``n`` latents from U(-1, 1): float32 ``(n, latent_dim)`` on the CPU."""
        return torch.from_numpy(2 * rng.random((n, self.latent_dim), dtype=np.float32) - 1)

    def forward(self, z: Tensor) -> Tensor:
        """Makes images in [0, 1], ``(N, latent_dim) -> (N, 1, 28, 28)``."""
        images: Tensor = self.layers(self.linear(z).unflatten(1, (128, 7, 7)))
        return images


class MNISTDiscriminator(nn.Module):
    """Three convolutions and a linear layer, without biases; LeakyReLU(0.2).

    Args:
        image_shape: (1, 28, 28).
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        _check(image_shape)
        layers: list[nn.Module] = []
        for before, after in ((1, 64), (64, 128), (128, 256)):  # 28 -> 14 -> 7 -> 4
            layers += [nn.Conv2d(before, after, 5, 2, padding=2, bias=False), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.linear = nn.Linear(256 * 4 * 4, 1, bias=False)
        _initialize(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, ``(N, 1, 28, 28) -> (N, 1)``."""
        logits: Tensor = self.linear(self.features(images).flatten(1))
        return logits
