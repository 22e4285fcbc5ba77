"""Distances between features, and the balls that reach from each sample to its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gan_lightning.errors import UserError

_ELEMENTS = 2**23  # of a distance matrix held at a time


def squared_radii(x: Tensor, neighbours: int) -> Tensor:
    """Squared distance of each sample to its k-th nearest neighbour among the others.

    Args:
        x: float64 ``(n, F)``, n above ``neighbours``.
        neighbours: The k, 1 or more; a repeated sample is a neighbour at distance 0.

    Returns:
        float64 ``(n,)``.
    """
    chunks = squared_distances_by_rows(x, x)
    return torch.cat([chunk.kthvalue(neighbours + 1, dim=1).values for chunk in chunks])


def squared_distances_by_rows(a: Tensor, b: Tensor) -> Iterator[Tensor]:
    """The rows of the matrix of squared distances, as many at a time as memory allows.

    Args:
        a: float64 ``(m, F)``, one row each.
        b: float64 ``(n, F)``, one column each.

    Yields:
        float64 ``(rows, n)``.
    """
    shift = b.mean(0)  # distances do not change; their rounding errors shrink
    for chunk in a.split(max(1, _ELEMENTS // len(b))):
        yield squared_distances(chunk - shift, b - shift)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances, ``(m, F)`` and ``(n, F)`` to ``(m, n)``.

    What is below the rounding error of the formula is 0, so that repeated samples coincide.
    """
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    squared = torch.addmm(norms, a, b.T, alpha=-2)
    return squared.where(squared > 1e-13 * norms, 0.0)


def require_neighbours(name: str, neighbours: int, generated: int, real: int) -> None:
    """Raises `UserError` unless each sample has so many neighbours."""
    if min(generated, real) <= neighbours:
        raise UserError(
            f"{name} looks at {neighbours} neighbours of each sample, but there are only "
            f"{generated} generated and {real} real ones: lower its neighbours, or give more images"
        )
