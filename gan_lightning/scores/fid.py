"""Fréchet distance between two Gaussians: the arithmetic of FID.

Heusel et al. 2017, "GANs trained by a two time-scale update rule", Eq. 6:
``FID = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. With any factors ``C1 = A A^T`` and
``C2 = B B^T``, the eigenvalues of ``C1 C2`` are those of ``(A^T B)(A^T B)^T``, so the trace of the
root is the sum of the singular values of ``A^T B``: no matrix square root, and no root of rounding
errors where a covariance is singular.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics import Metric

from gan_lightning.errors import UserError


@dataclass(frozen=True)
class Gaussian:
    """The first two moments of ``n`` features of dimension F.

    Attributes:
        n: Number of samples, at least 2.
        mean: float64 ``(F,)``.
        covariance: float64 ``(F, F)``, normalized by ``n - 1``.
    """

    n: int
    mean: Tensor
    covariance: Tensor

    def to(self, device: torch.device) -> Gaussian:
        """The same moments on another device."""
        return Gaussian(self.n, self.mean.to(device), self.covariance.to(device))

    def problem(self) -> str | None:
        """What shows that these are no moments of any features, in words; ``None`` if nothing.

        A covariance is symmetric and positive semidefinite, up to rounding errors: a millionth of
        its largest element, and what float64 sums lose where features hardly vary around a mean.
        """
        covariance = self.covariance
        if not (self.mean.isfinite().all() and covariance.isfinite().all()):
            return "holds NaN or infinite values"
        slack = 1e-6 * covariance.abs().max() + 1e-12 * self.mean.square().max()
        if (covariance - covariance.T).abs().max() > slack:
            return "has a covariance that is not symmetric"
        shifted = covariance + slack * torch.eye(len(covariance)).to(covariance)
        if slack > 0 and torch.linalg.cholesky_ex(shifted)[1]:
            return "has a covariance with negative variances (it is not positive semidefinite)"
        return None

    def factor(self) -> Tensor:
        """A matrix A of shape ``(F, rank)`` with ``A A^T`` equal to the covariance.

        Cholesky's factor where there is one. A covariance of ``n <= F`` samples has rank
        ``n - 1`` at most: then, or where features never vary, its leading eigenvectors, without
        the directions that hold nothing but rounding errors.
        """
        size = self.mean.numel()
        if self.n > size:
            factor: Tensor
            factor, failed = torch.linalg.cholesky_ex(self.covariance)
            if not failed:
                return factor
        values, vectors = torch.linalg.eigh(self.covariance)
        rank = min(self.n - 1, size)
        values, vectors = values[-rank:], vectors[:, -rank:]
        root: Tensor = vectors * values.clamp(min=0).sqrt()
        return root


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """The squared Fréchet distance of two Gaussians, 0 or more (the FID, of Inception features).

    Args:
        a: Moments of one set of features.
        b: Moments of the other, of the same dimension.

    Returns:
        The distance, in squared units of the features.

    Raises:
        UserError: If the dimensions differ, or a covariance is none.
    """
    if a.mean.shape != b.mean.shape:
        raise UserError(
            f"moments of {a.mean.numel()} and of {b.mean.numel()} features cannot be compared: "
            "they come from different extractors"
        )
    for gaussian in (a, b):
        if (problem := gaussian.problem()) is not None:
            raise UserError(
                f"one set of features {problem}, so there is no FID: "
                "the extractor's weights or a file of statistics are broken"
            )
    total = a.covariance.trace() + b.covariance.trace() + (a.mean - b.mean).square().sum()
    roots = torch.linalg.svdvals(a.factor().T @ b.factor())
    return max(0.0, float(total - 2 * roots.sum()))


class Moments(Metric):
    """Running first and second moments of features, in float64: memory is O(F^2), whatever n.

    Args:
        num_features: Dimension F of the features.
    """

    full_state_update = False
    n: Tensor
    total: Tensor
    products: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        zeros = torch.zeros(num_features, num_features, dtype=torch.float64)
        self.add_state("n", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("total", zeros[0].clone(), dist_reduce_fx="sum")
        self.add_state("products", zeros, dist_reduce_fx="sum")

    def update(self, features: Tensor) -> None:
        """Adds features ``(N, F)``; N may be 0."""
        x = features.double()
        self.n += len(x)
        self.total += x.sum(0)
        self.products.addmm_(x.T, x)

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """Number of samples, mean ``(F,)`` and covariance ``(F, F)`` over all processes."""
        mean = self.total / self.n
        covariance = (self.products - self.n * mean.outer(mean)) / (self.n - 1)
        return self.n, mean, covariance

    def gaussian(self) -> Gaussian:
        """The moments over all processes, as `frechet_distance` takes them.

        Raises:
            UserError: If there are fewer than two samples.
        """
        n, mean, covariance = self.compute()
        if n < 2:
            raise UserError(f"a covariance needs at least 2 images, but there are {int(n)}")
        # torchmetrics takes a single number out of its axes: here the moments of one feature.
        return Gaussian(int(n), mean.view_as(self.total), covariance.view_as(self.products))
