"""The autoencoder of boundary equilibrium GANs (Berthelot et al. 2017, Fig. 1)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks.base import Coded, Generator

SMALLEST = 8
"""Sides are halved while they are even and larger."""


def _halvings(image_shape: tuple[int, int, int]) -> int:
    """How often both sides are halved."""
    _, height, width = image_shape
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) > SMALLEST:
        height, width, count = height // 2, width // 2, count + 1
    return count


def _check(name: str, width: int, hidden: int) -> None:
    if width < 1 or hidden < 1:
        raise UserError(f"width and hidden of {name} must be >= 1, got {width} and {hidden}")


class Encoder(nn.Sequential):
    """Pairs of 3x3 convolutions with ELU, halving the image and adding ``width`` channels a time.

    Args:
        image_shape: ``(channels, height, width)``.
        width: Channels of the first layers.
        hidden: Number of components of the code.
    """

    def __init__(self, image_shape: tuple[int, int, int], width: int, hidden: int) -> None:
        channels, height, wide = image_shape
        halvings = _halvings(image_shape)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ELU()]
        for level in range(1, halvings + 2):
            n, last = level * width, level == halvings + 1
            layers += [nn.Conv2d(n, n, 3, padding=1), nn.ELU()]
            layers += [nn.Conv2d(n, n, 3, padding=1), nn.ELU()]
            if not last:
                layers += [nn.Conv2d(n, n + width, 3, stride=2, padding=1), nn.ELU()]
        area = (height >> halvings) * (wide >> halvings)
        super().__init__(*layers, nn.Flatten(), nn.Linear((halvings + 1) * width * area, hidden))


class Decoder(nn.Sequential):
    """A linear layer, then pairs of 3x3 convolutions with ELU between doublings of the image.

    Args:
        image_shape: ``(channels, height, width)``.
        width: Channels of every hidden layer.
        hidden: Number of components of the code.
    """

    def __init__(self, image_shape: tuple[int, int, int], width: int, hidden: int) -> None:
        channels, height, wide = image_shape
        halvings = _halvings(image_shape)
        first = (width, height >> halvings, wide >> halvings)
        layers: list[nn.Module] = [
            nn.Linear(hidden, first[0] * first[1] * first[2]),
            nn.Unflatten(1, first),
        ]
        for level in range(halvings + 1):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ELU()]
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ELU()]
            if level < halvings:
                layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        super().__init__(*layers, nn.Conv2d(width, channels, 3, padding=1))


class AutoencoderDiscriminator(nn.Module):
    """Judges images by how badly an autoencoder reconstructs them (Berthelot et al. 2017).

    What it returns are energies, low for real images: use an objective such as ``began`` or
    ``ebgan``.

    Args:
        image_shape: ``(channels, height, width)``.
        width: Channels n of the first layers; 64 or 128 in the paper.
        hidden: Number of components of the code; 64 or 128 in the paper.
        power: The energy is the mean over pixels of the error to this power, eta of Berthelot et
            al. 2017, section 3.1: 1 for BEGAN, 2 for the squared errors of EBGAN.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int = 64,
        hidden: int = 64,
        power: Literal[1, 2] = 1,
    ) -> None:
        super().__init__()
        _check("AutoencoderDiscriminator", width, hidden)
        self.encoder = Encoder(image_shape, width, hidden)
        self.decoder = Decoder(image_shape, width, hidden)
        self.power = power

    def forward(self, images: Tensor) -> Tensor:
        """The energy of each image, ``(N, C, H, W) -> (N,)``."""
        return self.energies(images, self.encoder(images))

    def energies(self, images: Tensor, codes: Tensor) -> Tensor:
        """The mean error with which images come back from their codes, ``(N,)``."""
        error: Tensor = images - self.decoder(codes)
        return error.abs().pow(self.power).flatten(1).mean(1)


class CodedAutoencoderDiscriminator(AutoencoderDiscriminator):
    """`AutoencoderDiscriminator` that returns its codes as well, for ``ebgan.pulling_away``."""

    def forward(self, images: Tensor) -> Coded:  # type: ignore[override]  # more of it
        """Energies and codes, ``(N, C, H, W) -> (N,), (N, hidden)``."""
        codes: Tensor = self.encoder(images)
        return Coded(self.energies(images, codes), codes)


class DecoderGenerator(Generator):
    """The decoder of `AutoencoderDiscriminator` as a generator, with latents uniform on (-1, 1).

    The paper's ends in a convolution and cuts off what lies beyond the range of pixels; this ends
    in tanh, so that the discriminator judges what is shown.

    Args:
        image_shape: ``(channels, height, width)``.
        latent_dim: Number of components of a latent; 64 or 128 in the paper.
        width: Channels of every hidden layer; 64 or 128 in the paper.
    """

    activation: ClassVar[type[nn.Module]] = nn.Tanh

    def __init__(
        self, image_shape: tuple[int, int, int], latent_dim: int = 64, width: int = 64
    ) -> None:
        super().__init__(image_shape, latent_dim)
        _check("DecoderGenerator", width, latent_dim)
        self.layers = nn.Sequential(Decoder(image_shape, width, latent_dim), self.activation())

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """Draws ``n`` latents from U(-1, 1): float32 ``(n, latent_dim)`` on the CPU."""
        return torch.from_numpy(2 * rng.random((n, self.latent_dim), dtype=np.float32) - 1)

    def forward(self, z: Tensor) -> Tensor:
        """Makes images in `value_range`, ``(N, latent_dim) -> (N, channels, height, width)``."""
        images: Tensor = self.layers(z)
        return images


class SigmoidDecoderGenerator(DecoderGenerator):
    """`DecoderGenerator` for pixels in [0, 1], as those of MNIST are; ends in a sigmoid."""

    value_range = (0.0, 1.0)
    activation = nn.Sigmoid
