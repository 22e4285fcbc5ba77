"""Kernel inception distance.

Binkowski et al. 2018, "Demystifying MMD GANs", section 4: the unbiased estimate of the squared
maximum mean discrepancy under the kernel ``k(x, y) = (x . y / F + 1)^3``, averaged over random
subsets.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.samples import Samples, SampleScore
from gan_lightning.streams import stream


class kid(SampleScore):
    """Kernel inception distance, mean and standard deviation over random subsets.

    Args:
        subsets: Number of subsets.
        subset_size: Number of generated and of real samples in each, drawn without replacement.
        count: Number of samples the subsets are drawn from.
    """

    of_features: ClassVar[bool] = True
    of_inception: ClassVar[bool] = True

    def __init__(self, subsets: int = 100, subset_size: int = 1_000, count: int = 5_000) -> None:
        if not 2 <= subset_size <= count or subsets < 1:
            raise UserError(
                f"metrics.kid wants 1 subset or more of 2 to {count} samples (its count), not "
                f"subsets={subsets} of subset_size={subset_size}"
            )
        self.subsets = subsets
        self.subset_size = subset_size
        self.count = count

    def check(self, generated: int, real: int) -> None:
        """Raises `UserError` if there are fewer samples than a subset has."""
        if min(generated, real) < self.subset_size:
            raise UserError(
                f"kid draws subsets of {self.subset_size} samples, but there are only {generated} "
                f"generated and {real} real ones. Lower its `subset_size`"
            )

    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """``kid`` and ``kid_std``."""
        x, y = generated.features.double(), real.features.double()
        values = torch.stack([self._of_subset(x, y, i) for i in range(self.subsets)])
        return {"kid": float(values.mean()), "kid_std": float(values.std(correction=0))}

    def _of_subset(self, x: Tensor, y: Tensor, position: int) -> Tensor:
        rng = stream(0, "kid", position)
        chosen_x = torch.from_numpy(rng.choice(len(x), self.subset_size, replace=False))
        chosen_y = torch.from_numpy(rng.choice(len(y), self.subset_size, replace=False))
        return squared_mmd(x[chosen_x], y[chosen_y])


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """The unbiased estimate of the squared MMD under the cubic kernel; may be negative.

    Args:
        x: One set of features, ``(m, F)`` with m at least 2.
        y: The other, ``(n, F)`` with n at least 2.

    Returns:
        A scalar of the features' type.
    """
    m, n = len(x), len(y)
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within_x = (xx.sum() - xx.trace()) / (m * (m - 1))
    within_y = (yy.sum() - yy.trace()) / (n * (n - 1))
    return within_x + within_y - 2 * xy.mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3
