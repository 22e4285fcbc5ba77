"""The spectral normalizations of the two papers, each one row of the table below.

========  =====================================================  ======================
name      weight of the forward pass                             source
========  =====================================================  ======================
sn        W / s(W_out)                                           SNGAN 2.1; BSSN 2
ssn       c W / s(W_out)                                         BSSN 5.2
bsn       W / ((s(W_out) + s(W_in)) / 2); Linear: as sn          BSSN 5.1
bssn      c W / ((s(W_out) + s(W_in)) / 2); Linear: as ssn       BSSN 5.2
sn_conv   c W / s(W as an operator on the layer's real input)    Farnia 2018; BSSN 2, 4
========  =====================================================  ======================

s(.) is the largest singular value. W_out is the kernel as a matrix with c_out rows, W_in with c_in
rows. One constant c > 0 serves all layers, the last linear one included.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import nn
from torch.nn.utils import parametrize

from gan_lightning.errors import UserError
from gan_lightning.normalization.base import LAYERS, Normalization, require_bare
from gan_lightning.normalization.operators import (
    CONVOLUTIONS,
    DECONVOLUTIONS,
    Convolution,
    Operator,
    rows_in,
    rows_out,
)
from gan_lightning.normalization.power_iteration import SpectralNorm
from gan_lightning.normalization.upkeep import refresh_

CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Memory in which all unfoldings of a kernel are views, by its number of axes."""

LEAST = 1e-30
"""Scales below it, or above its inverse, leave the range of float32 within a few layers."""


class SpectralNormalization(Normalization):
    """Parametrizes a layer's weight by `SpectralNorm`; subclasses choose the operators."""

    def __init__(self, scale: float = 1.0) -> None:
        if not LEAST < scale < 1 / LEAST:
            raise UserError(
                f"must be a number > 0, from {LEAST:g} to {1 / LEAST:g}, got {scale}", "scale"
            )
        self.scale = scale

    @abstractmethod
    def operators(self, layer: nn.Module) -> list[Operator]:
        """The linear maps whose largest singular values are averaged."""

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Parametrizes ``layer.weight``, in place.

        The kernel moves to channels_last memory, in which all its unfoldings are views.
        """
        assert isinstance(layer, LAYERS)
        require_bare(layer, self)
        if layer.weight.ndim in CHANNELS_LAST:
            layer.to(memory_format=CHANNELS_LAST[layer.weight.ndim])
        parametrization = SpectralNorm(layer.weight, self.operators(layer), self.scale)
        parametrize.register_parametrization(layer, "weight", parametrization)
        refresh_(layer)  # of the parameter that torch may have made anew
        return layer


class ssn(SpectralNormalization):
    """Scaled spectral normalization (BSSN section 5.2).

    Args:
        scale: The constant c > 0 that multiplies every normalized weight.
    """

    def operators(self, layer: nn.Module) -> list[Operator]:
        """W_out alone."""
        return [rows_out(layer)]


class bssn(SpectralNormalization):
    """Bidirectional scaled spectral normalization (BSSN section 5).

    Args:
        scale: The constant c > 0 that multiplies every normalized weight.
    """

    def operators(self, layer: nn.Module) -> list[Operator]:
        """W_out and W_in; a Linear or an Embedding has only one matrix."""
        if isinstance(layer, (*CONVOLUTIONS, *DECONVOLUTIONS)):
            return [rows_out(layer), rows_in(layer)]
        return [rows_out(layer)]


class sn_conv(SpectralNormalization):
    """Strict spectral normalization: by the norm of the convolution as an operator.

    Args:
        scale: The constant c > 0 that multiplies every normalized weight; 1.75 makes it behave like
            sn on CIFAR10 (BSSN section 4).
    """

    def operators(self, layer: nn.Module) -> list[Operator]:
        """The convolution at its real input size; a Linear or an Embedding is its own matrix."""
        if isinstance(layer, (*CONVOLUTIONS, *DECONVOLUTIONS)):
            return [Convolution(layer)]
        return [rows_out(layer)]


class sn(ssn):
    """Spectral normalization as in SNGAN: by the norm of the c_out x (c_in k_h k_w) matrix."""

    def __init__(self) -> None:
        super().__init__(scale=1.0)


class bsn(bssn):
    """Bidirectional spectral normalization (BSSN section 5.1): the mean of both kernel matrices."""

    def __init__(self) -> None:
        super().__init__(scale=1.0)
