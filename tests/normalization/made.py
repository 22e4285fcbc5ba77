"""Small normalized layers and networks that the tests of this room share."""

from __future__ import annotations

import torch
import torch._dynamo.testing
from torch import Tensor, nn

from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    bssn,
    normalize_,
)

SHAPE = (3, 8, 8)
IMAGE = torch.zeros(1, *SHAPE)


def ids(norm: Normalization) -> str:
    return type(norm).__name__


def conv(norm: Normalization, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return normalize_(nn.Conv2d(3, 4, 3, padding=1).to(dtype), norm, IMAGE)


def used(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def discriminator(seed: int = 0, norm: Normalization | None = None) -> nn.Module:
    torch.manual_seed(seed)
    return normalize_(CNNDiscriminator(SHAPE, width=4), norm or bssn(1.2), IMAGE)
