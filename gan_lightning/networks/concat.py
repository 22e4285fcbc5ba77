"""The standard CNN that is told the class in its middle (SNGAN 4.2 and Table 6, "concat")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks.base import require_classes
from gan_lightning.networks.cnn import INIT_STD, CNNDiscriminator

EMBEDDING = 128
"""Components of a class's embedding in SNGAN's Table 6."""


class ConcatCNNDiscriminator(CNNDiscriminator):
    """`CNNDiscriminator` with an embedding of the class among the features.

    The embedding, the same at every pixel, is concatenated to the features before the last
    convolution: 256 + 128 channels go to 512, as in SNGAN's ResNet.

    Args:
        image_shape: ``(channels, height, width)``; both sides multiples of 8.
        num_classes: Number of classes; comes from the data.
        width: Channels of the first layer; the later ones have up to 8 times as many.
        embedding: Components of a class's embedding; 128 in the paper.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        width: int = 64,
        embedding: int = EMBEDDING,
    ) -> None:
        super().__init__(image_shape, width)
        self.num_classes = require_classes(self, num_classes)
        if embedding < 1:
            raise UserError(f"must be >= 1, got {embedding}", "embedding")
        last = nn.Conv2d(4 * width + embedding, 8 * width, kernel_size=3, padding=1)
        nn.init.trunc_normal_(last.weight, std=INIT_STD, a=-2 * INIT_STD, b=2 * INIT_STD)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]  # it has one
        self.features[-2] = last
        self.embed = nn.Embedding(self.num_classes, embedding)
        nn.init.normal_(self.embed.weight, std=INIT_STD)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]  # more of it
        """Logits, ``(N, channels, height, width), (N,) -> (N, 1)``."""
        seen: Tensor = self.features[:-2](images)
        told: Tensor = self.embed(labels)[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        features: Tensor = self.features[-2:](torch.cat([seen, told], 1))
        logits: Tensor = self.linear(features.flatten(1))
        return logits
