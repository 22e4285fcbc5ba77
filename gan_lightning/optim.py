"""The optimizer of both papers, and the schedule of SNGAN's ResNets."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gan_lightning.errors import UserError


class GANAdam(torch.optim.Adam):
    """Adam with the settings that BSSN Table 1 uses, as one fused kernel per network.

    Args:
        params: The network's parameters.
        lr: Learning rate alpha.
        betas: Decay rates beta_1, beta_2 of the two moments.
        eps: Added to the root of the second moment.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
    ) -> None:
        if not math.isfinite(lr):
            raise UserError(f"must be a finite number, got {lr}", "lr")
        super().__init__(params, lr=lr, betas=betas, eps=eps, fused=True)


class LinearDecay(LRScheduler):
    """Keeps the learning rate until ``start``, then lowers it linearly to 0 at ``end``.

    SNGAN's code decays over all of its ResNets' 50,000 iterations on CIFAR10 (``start 0``), and
    over the last 50,000 of 450,000 on ILSVRC2012.

    Args:
        optimizer: Whose learning rate.
        end: Generator updates after which it is 0, usually ``--trainer.max_steps``.
        start: Generator updates after which it begins to fall, 0 to ``end - 1``.
    """

    def __init__(self, optimizer: Optimizer, end: int, start: int = 0) -> None:
        if not 0 <= start < end:
            raise UserError(
                f"a LinearDecay falls from start to end with 0 <= start < end, got start {start} "
                f"and end {end}"
            )
        self.start, self.end = start, end
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group after ``last_epoch`` generator updates."""
        left = (self.end - self.last_epoch) / (self.end - self.start)
        factor = min(1.0, max(0.0, left))
        return [base * factor for base in self.base_lrs]
