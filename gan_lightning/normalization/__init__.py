"""What wraps a layer of a network.

>>> from torch import nn
>>> network = normalize_(nn.Sequential(nn.Linear(4, 3)), bssn(scale=1.2), input_shape=(4,))
>>> power_iterate_(network)  # after every update of the weights
"""

from __future__ import annotations

from torch import nn

from gan_lightning.normalization import power_iteration
from gan_lightning.normalization.base import Norm, Normalization, none, normalize_
from gan_lightning.normalization.power_iteration import SpectralNorm, spectral_pairs
from gan_lightning.normalization.spectral import bsn, bssn, sn, sn_conv, ssn

__all__ = [
    "Norm",
    "Normalization",
    "SpectralNorm",
    "bsn",
    "bssn",
    "none",
    "normalize_",
    "power_iterate_",
    "refresh_",
    "sn",
    "sn_conv",
    "spectral_pairs",
    "ssn",
]


def power_iterate_(network: nn.Module) -> None:
    """One power iteration in every spectrally normalized layer; due after each weight update."""
    power_iteration.iterate_(spectral_pairs(network))


def refresh_(network: nn.Module) -> None:
    """Forms the normalized weights anew, without an iteration; call it before training starts."""
    power_iteration.refresh_(spectral_pairs(network))
