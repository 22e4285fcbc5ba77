"""Whether a generator repeats its training images, which FID and its kin reward.

Two shares, of distances between features. ``memorized``: generated images no further from a
training image than the closest ``quantile`` of the training images are from one another. Unseen
real images get about that quantile by exchangeability, copies get 1. ``authenticity``, Alaa et al.
2022, "How faithful is your synthetic data?", section 4.3: generated images further from their
nearest training image than that one is from its own nearest; copies get 0.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.neighbours import squared_distances_by_rows, squared_radii
from gan_lightning.scores.samples import Samples, SampleScore


class memorization(SampleScore):
    """Share of generated images that are copies of training images, or next to it.

    Args:
        quantile: Share of the training images that are taken for near-duplicates of one another;
            about the share of unseen real images that would be called memorized.
        training: Number of training images compared with, the first ones of the fixed random
            order: copies of others go unseen.
        count: Number of generated images.
    """

    of_features: ClassVar[bool] = True
    of_training: ClassVar[bool] = True

    def __init__(self, quantile: float = 0.01, training: int = 50_000, count: int = 5_000) -> None:
        if not 0 < quantile < 1 or min(training, count) < 2:
            raise UserError(
                "metrics.memorization wants a quantile between 0 and 1 and 2 training images or "
                f"more, as well as a count of 2 or more, not quantile={quantile}, "
                f"training={training}, count={count}"
            )
        self.quantile = quantile
        self.training = training
        self.count = count

    def real_count(self, reference: int, available: int) -> int:
        """All training images, up to ``training``, whatever the FID compares with."""
        return min(self.training, available)

    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """``memorized`` and ``authenticity``, each 0 to 1."""
        x, y = generated.features.double(), real.features.double()
        own = squared_radii(y, 1)
        found, neighbours = nearest(x, y, 1)
        distance = found[:, 0]
        return {
            "memorized": float((distance <= closest(own, self.quantile)).double().mean()),
            "authenticity": float((distance > own[neighbours[:, 0]]).double().mean()),
        }


def closest(own: Tensor, quantile: float) -> Tensor:
    """The distance of what is memorized: a share ``quantile`` of training images are as close.

    Args:
        own: Squared distance ``(n,)`` of each training image to the nearest of the others.
        quantile: Between 0 and 1.
    """
    return own.sort().values[math.ceil(quantile * len(own)) - 1]


def nearest(points: Tensor, training: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Squared distances ``(m, count)`` of points to their nearest training images, and which."""
    found = [
        chunk.topk(count, dim=1, largest=False)
        for chunk in squared_distances_by_rows(points, training)
    ]
    return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])
