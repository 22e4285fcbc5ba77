"""Weight clipping: not a function of the weight in the forward pass, but a bound on it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.normalization.base import LAYERS, Normalization, Projection


class Clamp(Projection):
    """Clamps each entry of a weight to [-limit, limit]."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    @torch.no_grad()
    def project_(self, weight: Tensor) -> None:
        """Clamps in place."""
        weight.clamp_(-self.limit, self.limit)


class clip(Normalization):
    """Weight clipping (Arjovsky et al. 2017; SNGAN section 4.1 and D.2).

    After each update, every weight of the network's layers is clamped to [-limit, limit]. SNGAN
    speaks of convolutional weights; like the work it follows, this clips the linear layer as well,
    without which the critic is not bounded. Biases stay.

    Args:
        limit: The bound, > 0; 0.01 in both papers.
    """

    def __init__(self, limit: float = 0.01) -> None:
        if not 0 < limit < float("inf"):
            raise UserError(f"must be a finite number > 0, got {limit}", "limit")
        self.limit = limit

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Registers the bound as the layer's ``projection``."""
        assert isinstance(layer, LAYERS)
        layer.projection = Clamp(self.limit)
        return layer
