"""Small images and extractors for the tests of this room."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.scores.samples import Samples
from gan_lightning.scores.sources import Images

SHAPE = (1, 8, 8)


def random_images(n: int, seed: int = 0) -> Images:
    """Images of a few random shapes: uint8 ``(n, 1, 8, 8)`` with correlated pixels."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((n, 6)) @ rng.standard_normal((6, 64))
    return np.clip(128 + 40 * mixed, 0, 255).astype(np.uint8).reshape(n, *SHAPE)


class projection(FeatureExtractor):
    """Random linear features and logits of small images; counts how many it has seen."""

    name = "projection"
    num_features = 12
    num_classes = 5

    def __init__(self, seed: int = 0, pixels: int = 64) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        matrix = torch.from_numpy(rng.standard_normal((pixels, 17)).astype(np.float32))
        self.matrix = nn.Parameter(matrix / pixels, requires_grad=False)
        self.seen = 0

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.seen += len(images)
        out = images.flatten(1).float() @ self.matrix
        return out[:, :12], out[:, 12:]


def points(n: int, d: int, seed: int, shift: float = 0.0) -> Tensor:
    """Normal points ``(n, d)``."""
    return shift + torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def of_features(x: Tensor) -> Samples:
    """What scores of features look at."""
    return Samples(x, torch.zeros(0))
