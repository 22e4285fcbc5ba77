"""Inception score, streaming.

Salimans et al. 2016, "Improved techniques for training GANs", section 4:
``IS = exp(E_x KL(p(y | x) || p(y)))``, here for each of several splits. Expanded,
``log IS = E_x sum_y p log p - sum_y p(y) log p(y)``: sums of ``p``, of ``p log p`` and of counts
are all it takes, in O(splits x classes) memory.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from gan_lightning.errors import UserError


class InceptionScore(Metric):
    """Inception score over the first ``images`` images; image i belongs to split ``i mod splits``.

    A split is a function of the image's index alone, so neither the order of the updates nor the
    number of processes changes the score.

    Args:
        num_classes: Number K of logits.
        splits: Number of splits, 1 or more.
        images: Images of higher index are left out.
        counted: The classes that count; others take part in the softmax alone, so that the
            probabilities that are left need not sum to 1 (SNGAN's code does so).
    """

    full_state_update = False
    n: Tensor
    p: Tensor
    plogp: Tensor

    def __init__(
        self, num_classes: int, splits: int, images: int, counted: slice = slice(None)
    ) -> None:
        super().__init__()
        self.splits = splits
        self.images = images
        self.counted = counted
        classes = len(range(num_classes)[counted])
        zeros = torch.zeros(splits, classes, dtype=torch.float64)
        self.add_state("n", torch.zeros(splits, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("p", zeros, dist_reduce_fx="sum")
        self.add_state("plogp", torch.zeros(splits, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, index: Tensor) -> None:
        """Adds logits ``(N, K)`` of the images of global ``index``, int64 ``(N,)``; N may be 0."""
        kept = index < self.images
        log_p = torch.log_softmax(logits[kept].double(), dim=1)[:, self.counted]
        p = log_p.exp()
        split = index[kept] % self.splits
        self.n.index_add_(0, split, torch.ones_like(split, dtype=torch.float64))
        self.p.index_add_(0, split, p)
        # A probability that underflows to 0 has a finite logarithm here: 0 * log 0 is 0, not NaN.
        self.plogp.index_add_(0, split, (p * log_p).sum(1))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (normalized by ``splits``) of the splits' scores.

        Raises:
            UserError: If a split has no image, or the logits were NaN or infinite.
        """
        if (self.n == 0).any():
            raise UserError(
                f"an inception score over {self.splits} splits needs at least as many images, "
                f"but there are {int(self.n.sum())}"
            )
        p = self.p / self.n[:, None]
        scores = torch.exp(self.plogp / self.n - torch.special.xlogy(p, p).sum(1))
        if not scores.isfinite().all():
            raise UserError(
                "the logits are NaN or infinite, so there is no inception score: "
                "the extractor's weights are broken"
            )
        return scores.mean(), scores.std(correction=0)
