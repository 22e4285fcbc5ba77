"""The standard CNN with a second head that tells classes (Odena et al. 2017; SNGAN Table 8)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.networks.base import Judgement, require_classes
from gan_lightning.networks.cnn import INIT_STD, CNNDiscriminator


class AuxiliaryCNNDiscriminator(CNNDiscriminator):
    """`CNNDiscriminator` with a linear class head on its features, averaged over the image.

    What SNGAN's Table 8 does in a ResNet (after Gulrajani et al. 2017). Whether an image is real
    it judges without looking at the class; use the objective ``auxiliary``.

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
        self.classify = nn.Linear(8 * width, self.num_classes)
        nn.init.normal_(self.classify.weight, std=INIT_STD)
        nn.init.zeros_(self.classify.bias)

    # Ignored below: it judges classes, too.
    def forward(self, images: Tensor, labels: Tensor) -> Judgement:  # type: ignore[override]
        """Logits and cross-entropies, ``(N, C, H, W), (N,) -> (N, 1), (N,)``."""
        features: Tensor = self.features(images)
        scores: Tensor = self.classify(features.mean((2, 3)))
        class_loss = F.cross_entropy(scores, labels, reduction="none")
        return Judgement(self.linear(features.flatten(1)), class_loss)
