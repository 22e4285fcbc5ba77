"""The standard CNN with classes: conditional batch normalization and projection (SNGAN 4.2).

SNGAN trains its conditional networks on ILSVRC2012 with ResNets (Table 6); here are the same two
ideas on the CNN of both papers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_lightning.networks.base import require_classes
from gan_lightning.networks.cnn import INIT_STD, CNNDiscriminator, CNNGenerator


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalization with a gain and an offset per class (Dumoulin et al. 2017, Eq. 5).

    Gains start at 1 and offsets at 0, so that all classes start as one.

    Args:
        num_features: Number of channels.
        num_classes: Number of classes.
        eps: Added to the variance.
    """

    def __init__(self, num_features: int, num_classes: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_features, eps, affine=False)
        self.gain = nn.Parameter(torch.ones(num_classes, num_features))
        self.offset = nn.Parameter(torch.zeros(num_classes, num_features))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """``(N, C, H, W), (N,) -> (N, C, H, W)``."""
        gain, offset = self.gain[labels], self.offset[labels]  # (N,) -> (N, C)
        normalized: Tensor = self.norm(x)
        return normalized * gain[:, :, None, None] + offset[:, :, None, None]


class ConditionalCNNGenerator(CNNGenerator):
    """`CNNGenerator` with conditional batch normalization.

    Args:
        image_shape: ``(channels, height, width)``; both sides multiples of 8.
        num_classes: Number of classes; comes from the data.
        latent_dim: Number of components of a latent.
        width: Channels of the last hidden layer; the others have 8, 4 and 2 times as many.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 128,
        width: int = 64,
    ) -> None:
        super().__init__(image_shape, latent_dim, width)
        self.num_classes = require_classes(self, num_classes)
        for k, layer in enumerate(self.layers):
            if isinstance(layer, nn.BatchNorm2d):
                self.layers[k] = ConditionalBatchNorm2d(layer.num_features, self.num_classes)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]  # more of it
        """Makes images of the given classes, ``(N, latent_dim), (N,) -> (N, C, H, W)``."""
        x: Tensor = self.linear(z).unflatten(1, self.first)
        for layer in self.layers:
            x = layer(x, labels) if isinstance(layer, ConditionalBatchNorm2d) else layer(x)
        return x


class ProjectionCNNDiscriminator(CNNDiscriminator):
    """`CNNDiscriminator` plus the inner product of its features with an embedding of the class.

    ``D(x, y) = psi(x) + <embed(y), phi(x)>`` (Miyato and Koyama 2018, Eq. 8), phi the features of
    the last convolution, summed over the image. The embedding is normalized like other layers.

    Args:
        image_shape: ``(channels, height, width)``; both sides multiples of 8.
        num_classes: Number of classes; comes from the data.
        width: Channels of the first layer; the later ones have up to 8 times as many.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        width: int = 64,
    ) -> None:
        super().__init__(image_shape, width)
        self.num_classes = require_classes(self, num_classes)
        self.embed = nn.Embedding(self.num_classes, 8 * width)
        nn.init.normal_(self.embed.weight, std=INIT_STD)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]  # as above
        """Logits, ``(N, channels, height, width), (N,) -> (N, 1)``."""
        features: Tensor = self.features(images)
        logits: Tensor = self.linear(features.flatten(1))
        inner: Tensor = self.embed(labels) * features.sum((2, 3))  # (N, F)
        return logits + inner.sum(1, keepdim=True)
