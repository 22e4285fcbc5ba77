"""Density and coverage.

Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", Eq. 3 and 4:
balls around the real samples alone, each reaching to its k-th nearest real neighbour, so that one
outlying generated sample spoils nothing. Density is the mean number of balls that a generated
sample lies in, over k (fidelity; 1 where both distributions are equal, and more where generated
samples gather in the middle); coverage, the share of balls that hold one (diversity).
"""

from __future__ import annotations

from typing import ClassVar

import torch

from gan_lightning.errors import UserError
from gan_lightning.scores.neighbours import (
    require_neighbours,
    squared_distances_by_rows,
    squared_radii,
)
from gan_lightning.scores.samples import Samples, SampleScore


class density_coverage(SampleScore):
    """How many real neighbourhoods a generated sample lies in, and how many of them hold one.

    Args:
        neighbours: The k of the k-th nearest neighbour, the sample itself not counted.
        count: Number of generated and of real samples; both numbers depend on it.
    """

    of_features: ClassVar[bool] = True

    def __init__(self, neighbours: int = 5, count: int = 5_000) -> None:
        if not 1 <= neighbours < count:
            raise UserError(
                f"metrics.density_coverage takes neighbours of 1 to {count - 1} (one less than its "
                f"count), not {neighbours}"
            )
        self.neighbours = neighbours
        self.count = count

    def check(self, generated: int, real: int) -> None:
        """Raises `UserError` if there are too few samples for the k-th neighbour."""
        require_neighbours("density_coverage", self.neighbours, generated, real)

    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """``density``, 0 or more, and ``coverage``, 0 to 1."""
        x, y = generated.features.double(), real.features.double()
        radii = squared_radii(y, self.neighbours)
        balls = torch.zeros((), dtype=torch.int64, device=x.device)
        covered = torch.zeros(len(y), dtype=torch.bool, device=x.device)
        for chunk in squared_distances_by_rows(x, y):
            inside = chunk <= radii
            balls += inside.sum()
            covered |= inside.any(0)
        return {
            "density": float(balls) / (self.neighbours * len(x)),
            "coverage": float(covered.double().mean()),
        }
