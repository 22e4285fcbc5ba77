"""What wraps a layer of a network.

>>> import torch
>>> from torch import nn
>>> network = normalize_(nn.Sequential(nn.Linear(4, 3)), bssn(scale=1.2), torch.zeros(1, 4))
>>> power_iterate_(network)  # after every update of the weights
"""

from __future__ import annotations

from gan_lightning.normalization.base import (
    LAYERS,
    Norm,
    Normalization,
    Projection,
    none,
    normalize_,
)
from gan_lightning.normalization.clip import clip
from gan_lightning.normalization.gamma import gamma, shared_gamma
from gan_lightning.normalization.operators import rows_in, rows_out
from gan_lightning.normalization.output_norms import bn, ln
from gan_lightning.normalization.power_iteration import SpectralNorm, spectral_pairs
from gan_lightning.normalization.spectral import bsn, bssn, sn, sn_conv, ssn
from gan_lightning.normalization.upkeep import Upkeep, power_iterate_, refresh_, zero_layers
from gan_lightning.normalization.weight_norms import frobenius, wn

__all__ = [
    "LAYERS",
    "Norm",
    "Normalization",
    "Projection",
    "SpectralNorm",
    "Upkeep",
    "bn",
    "bsn",
    "bssn",
    "clip",
    "frobenius",
    "gamma",
    "ln",
    "none",
    "normalize_",
    "power_iterate_",
    "refresh_",
    "rows_in",
    "rows_out",
    "shared_gamma",
    "sn",
    "sn_conv",
    "spectral_pairs",
    "ssn",
    "wn",
    "zero_layers",
]
