"""Improved precision and recall.

Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models",
Eq. 1 and 2: the manifold of a set is the union of the balls around its samples, each reaching to
its sample's k-th nearest neighbour. Precision is the share of generated samples inside the real
manifold (fidelity); recall, of real samples inside the generated one (diversity).

The paper takes features of VGG-16, ADM and others take Inception's: the scores bear the name of
the extractor whose features they use.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.neighbours import (
    require_neighbours,
    squared_distances_by_rows,
    squared_radii,
)
from gan_lightning.scores.samples import Samples, SampleScore


class precision_recall(SampleScore):
    """Share of generated samples that look real, and of real ones that are covered.

    Args:
        neighbours: The k of the k-th nearest neighbour, the sample itself not counted.
        count: Number of generated and of real samples; both numbers depend on it.
    """

    of_features: ClassVar[bool] = True

    def __init__(self, neighbours: int = 3, count: int = 5_000) -> None:
        if not 1 <= neighbours < count:
            raise UserError(
                f"metrics.precision_recall takes neighbours of 1 to {count - 1} (one less than its "
                f"count), not {neighbours}"
            )
        self.neighbours = neighbours
        self.count = count

    def check(self, generated: int, real: int) -> None:
        """Raises `UserError` if there are too few samples for the k-th neighbour."""
        require_neighbours("precision_recall", self.neighbours, generated, real)

    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """``precision`` and ``recall``, each 0 to 1."""
        x, y = generated.features.double(), real.features.double()
        return {
            "precision": share_inside(y, x, self.neighbours),
            "recall": share_inside(x, y, self.neighbours),
        }


def share_inside(manifold: Tensor, points: Tensor, neighbours: int) -> float:
    """The share of ``points`` inside the manifold of another set.

    Args:
        manifold: float64 ``(n, F)`` whose balls make the manifold, n above ``neighbours``.
        points: float64 ``(m, F)``.
        neighbours: The k that sets each ball's radius.

    Returns:
        A number from 0 to 1.
    """
    radii = squared_radii(manifold, neighbours)
    chunks = squared_distances_by_rows(points, manifold)
    return float(torch.cat([(chunk <= radii).any(1) for chunk in chunks]).double().mean())
