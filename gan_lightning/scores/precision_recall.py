"""Improved precision and recall.

Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models",
Eq. 1 and 2: the manifold of a set is the union of the balls around its samples, each reaching to
its sample's k-th nearest neighbour. Precision is the share of generated samples inside the real
manifold (fidelity); recall, of real samples inside the generated one (diversity).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.samples import Samples, SampleScore

_CHUNK = 1024  # rows of a distance matrix held at a time


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

    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """``precision`` and ``recall``, each 0 to 1.

        Raises:
            UserError: If there are too few samples for the k-th neighbour.
        """
        x, y = generated.features[: self.count].double(), real.features[: self.count].double()
        if min(len(x), len(y)) <= self.neighbours:
            raise UserError(
                f"precision_recall looks at {self.neighbours} neighbours of each sample, but there "
                f"are only {len(x)} generated and {len(y)} real ones"
            )
        return {
            "precision": coverage(y, x, self.neighbours),
            "recall": coverage(x, y, self.neighbours),
        }


def coverage(manifold: Tensor, points: Tensor, neighbours: int) -> float:
    """The share of ``points`` inside the manifold of another set.

    Args:
        manifold: float64 ``(n, F)`` whose balls make the manifold, n above ``neighbours``.
        points: float64 ``(m, F)``.
        neighbours: The k that sets each ball's radius.

    Returns:
        A number from 0 to 1.
    """
    shift = manifold.mean(0)  # distances do not change; their rounding errors shrink
    manifold, points = manifold - shift, points - shift
    radii = torch.cat(
        [
            squared_distances(chunk, manifold).kthvalue(neighbours + 1, dim=1).values
            for chunk in manifold.split(_CHUNK)
        ]
    )
    inside = [
        (squared_distances(chunk, manifold) <= radii).any(1) for chunk in points.split(_CHUNK)
    ]
    return float(torch.cat(inside).double().mean())


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances, ``(m, F)`` and ``(n, F)`` to ``(m, n)``.

    What is below the rounding error of the formula is 0, so that repeated samples coincide.
    """
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    squared = torch.addmm(norms, a, b.T, alpha=-2)
    return squared.where(squared > 1e-13 * norms, 0.0)
