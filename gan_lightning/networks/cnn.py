"""The standard CNN of both papers (SNGAN Table 3; BSSN Tables 2 and 3)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks.base import Generator

INIT_STD = 0.02
"""Standard deviation of every initial weight (BSSN's code)."""


def _check(image_shape: tuple[int, int, int], width: int) -> None:
    _, height, wide = image_shape
    if height % 8 or wide % 8 or not height or not wide:
        raise UserError(
            "takes images whose sides are multiples of 8, because it halves or doubles "
            f"them three times; got {height}x{wide}. Choose another image size or network"
        )
    if width < 1:
        raise UserError(f"must be >= 1, got {width}", "width")


def _last_width(width: int, relative: float) -> int:
    """Channels of the last feature map."""
    channels = round(8 * width * relative) if 0 < relative < 1e6 else 0
    if channels < 1:
        raise UserError(
            f"must be a number > 0 that leaves at least one of {8 * width} channels, got "
            f"{relative}",
            "last_width",
        )
    return channels


class CNNGenerator(Generator):
    """Linear, then three deconvolutions that double the size, then a convolution and tanh.

    Args:
        image_shape: ``(channels, height, width)``; both sides multiples of 8.
        latent_dim: Number of components of a latent; 128 in both papers.
        width: Channels of the last hidden layer; the others have 8, 4 and 2 times as many. 64 in
            both papers.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], latent_dim: int = 128, width: int = 64
    ) -> None:
        super().__init__(image_shape, latent_dim)
        _check(image_shape, width)
        channels, height, wide = image_shape
        self.first = (8 * width, height // 8, wide // 8)
        self.linear = nn.Linear(latent_dim, 8 * width * (height // 8) * (wide // 8))
        layers: list[nn.Module] = [nn.BatchNorm2d(8 * width), nn.ReLU()]
        for before, after in pairwise((8 * width, 4 * width, 2 * width, width)):
            layers += [
                nn.ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(width, channels, kernel_size=3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=INIT_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, z: Tensor) -> Tensor:
        """Makes images in [-1, 1], ``(N, latent_dim) -> (N, channels, height, width)``."""
        images: Tensor = self.layers(self.linear(z).unflatten(1, self.first))
        return images


class CNNDiscriminator(nn.Module):
    """Seven convolutions with LeakyReLU, then a linear layer.

    Args:
        image_shape: ``(channels, height, width)``; both sides multiples of 8.
        width: Channels of the first layer; the later ones have up to 8 times as many. 64 in both
            papers.
        last_width: Channels of the seventh convolution, relative to ``8 * width``: the "relative
            size" of SNGAN Fig. 4.
        slope: Of the activations where they are negative; 0 makes them ReLUs (BSSN App. I).
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int = 64,
        last_width: float = 1.0,
        slope: float = 0.1,
    ) -> None:
        super().__init__()
        _check(image_shape, width)
        channels, height, wide = image_shape
        last = _last_width(width, last_width)
        layers: list[nn.Module] = []
        before = channels
        widths = [width, width, 2 * width, 2 * width, 4 * width, 4 * width, last]
        for after, stride in zip(widths, (1, 2, 1, 2, 1, 2, 1), strict=True):
            kernel = 3 if stride == 1 else 4
            layers += [nn.Conv2d(before, after, kernel, stride, padding=1), nn.LeakyReLU(slope)]
            before = after
        self.features = nn.Sequential(*layers)
        self.linear = nn.Linear(last * (height // 8) * (wide // 8), 1)
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                # TensorFlow's truncated normal, of BSSN's code, cuts at two standard deviations.
                nn.init.trunc_normal_(module.weight, std=INIT_STD, a=-2 * INIT_STD, b=2 * INIT_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.linear.weight, std=INIT_STD)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, ``(N, channels, height, width) -> (N, 1)``."""
        logits: Tensor = self.linear(self.features(images).flatten(1))
        return logits
