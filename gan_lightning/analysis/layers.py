"""The layers of a network, with the weight that is trained and the weight that is used."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.normalization import LAYERS, SpectralNorm
from gan_lightning.normalization.operators import CONVOLUTIONS, DECONVOLUTIONS


class Layer:
    """A layer whose one weight is a matrix or a kernel.

    Args:
        name: Where it stands in its network, such as ``features.0``.
        module: One of `gan_lightning.normalization.LAYERS`, parametrized or not.
    """

    def __init__(self, name: str, module: nn.Module) -> None:
        assert isinstance(module, LAYERS)
        self.name, self.module = name, module
        self.is_convolution = isinstance(module, (*CONVOLUTIONS, *DECONVOLUTIONS))

    @property
    def trained(self) -> list[Tensor]:
        """What the optimizer moves: w itself, not what a normalization makes of it."""
        if not parametrize.is_parametrized(self.module, "weight"):
            return [self.module.weight]
        made: Any = self.module.parametrizations
        originals = made.weight.named_parameters(recurse=False)
        return [parameter for _, parameter in originals]

    @property
    def used(self) -> Tensor:
        """The weight of the forward pass, without gradient."""
        with torch.no_grad():
            weight: Tensor = self.module.weight
            return weight.detach()

    def unfolded(self, inwards: bool = False) -> Tensor:
        """The used weight as a matrix whose rows are output channels, or input channels.

        W_out is c_out x (c_in k_h k_w) as in SNGAN, W_in is c_in x (c_out k_h k_w) as in BSSN 5.1;
        of a linear layer, the matrix and its transpose.
        """
        weight = self.used
        first = isinstance(self.module, DECONVOLUTIONS) == inwards
        return (weight if first else weight.transpose(0, 1)).flatten(1)

    @property
    def scale(self) -> float:
        """The constant c that a spectral normalization multiplies the weight by; 1 without one."""
        norms = (norm for norm in self.module.modules() if isinstance(norm, SpectralNorm))
        return math.prod(norm.scale for norm in norms)

    def theorem_2(self) -> float:
        """Bound of the variance of W / s(W_out) (BSSN Theorem 2): 1 / max(m, n) of W_out, m x n.

        For symmetric, independent entries in expectation; of the mean square of the entries it
        holds for any W, because min(m, n) squared singular values are at most s^2 each.
        """
        return 1 / max(self.unfolded().shape)

    def theorem_3(self) -> float:
        """Bound of the variance of W / ((s(W_out) + s(W_in)) / 2) (BSSN Theorem 3).

        2 / ((c_in + c_out) k_h k_w), where k_h k_w >= max(c_out / c_in, c_in / c_out); NaN where
        the theorem says nothing: elsewhere, and of layers that are no convolutions.
        """
        if not self.is_convolution:
            return math.nan
        (c_out, _), (c_in, _) = self.unfolded().shape, self.unfolded(inwards=True).shape
        taps = math.prod(self.used.shape[2:])
        if taps < max(c_out / c_in, c_in / c_out):
            return math.nan
        return 2 / ((c_in + c_out) * taps)


def layers_of(network: nn.Module) -> list[Layer]:
    """Every layer of a network, one that stands in several places once."""
    return [
        Layer(name, module)
        for name, module in network.named_modules()
        if isinstance(module, LAYERS)
    ]


def variances(layers: list[Layer]) -> dict[str, Tensor]:
    """The variance of the entries of each layer's used weight (BSSN Figs. 7, 16, 17 and 22)."""
    return {layer.name: layer.used.double().var(correction=0) for layer in layers}
