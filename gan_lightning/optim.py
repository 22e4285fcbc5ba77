"""The optimizer of both papers."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


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
        super().__init__(params, lr=lr, betas=betas, eps=eps, fused=True)
