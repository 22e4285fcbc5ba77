"""Initial weights of a network other than its own: those that the papers compare with norms.

==========  ==========================================  ==========================================
name        variance of each weight, times scale^2      source
==========  ==========================================  ==========================================
lecun       1 / fan_in                                  LeCun et al. 1998; BSSN section 4
xavier      2 / (fan_in + fan_out)                      Glorot and Bengio 2010; BSSN 5.1
kaiming     2 / ((1 + a^2) fan_in)                      He et al. 2015; BSSN 5.2
orthogonal  orthonormal rows or columns                 Saxe et al. 2014; SNGAN 4.1
==========  ==========================================  ==========================================

fan_in is c_in k_h k_w and fan_out c_out k_h k_w, as in BSSN App. G, strides not counted; those of
a transposed convolution are of its own inputs and outputs (torch's functions take them the other
way round). An Embedding is the matrix whose inner products with features a projection takes: its
fan_in is the length of a vector, its fan_out the number of classes. In a convolution of several
groups, the channels of one group count.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.normalization import LAYERS
from gan_lightning.normalization.operators import CONVOLUTIONS, DECONVOLUTIONS
from gan_lightning.normalization.shared import parameter_of


class Initialization(ABC):
    """Draws the first weights of every layer of a network, and sets its biases to 0.

    It comes before normalization, and draws from torch's global random numbers, as the networks'
    own initial weights do: what it draws is a function of the run's seed.

    Args:
        scale: Multiplies every weight (BSSN's "scaled init", Fig. 8); > 0.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not 1e-30 < scale < 1e30:  # beyond, weights leave the range of float32
            raise UserError(f"must be a number > 0, from 1e-30 to 1e30, got {scale}", "scale")
        self.scale = scale

    @abstractmethod
    def draw_(self, layer: nn.Module, weight: Tensor) -> None:
        """Fills the weight of a layer, without the scale, in place."""

    @torch.no_grad()
    def __call__(self, layer: nn.Module) -> None:
        """Fills the weight of one layer of `LAYERS` and zeroes its bias, in place.

        Raises:
            UserError: The weight is a function of several parameters.
        """
        assert isinstance(layer, LAYERS)
        weight = parameter_of(layer)  # `layer.weight` of a network with norms of its own passes
        self.draw_(layer, weight)
        weight.mul_(self.scale)
        bias = getattr(layer, "bias", None)
        if bias is not None:
            bias.zero_()


class lecun(Initialization):
    """Normal weights of variance ``scale^2 / fan_in`` (LeCun et al. 1998; BSSN section 4, Fig. 8).

    Args:
        scale: Multiplies every weight; BSSN finds good ones near 0.2 and near 1.2.
    """

    def draw_(self, layer: nn.Module, weight: Tensor) -> None:
        """Keeps the variance of what passes forward."""
        fan_in, _ = fans(layer)
        weight.normal_(std=math.sqrt(1 / fan_in))


class xavier(Initialization):
    """Normal weights of variance ``2 scale^2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Args:
        scale: Multiplies every weight.
    """

    def draw_(self, layer: nn.Module, weight: Tensor) -> None:
        """Between keeping the variance forward and keeping it backward."""
        weight.normal_(std=math.sqrt(2 / sum(fans(layer))))


class kaiming(Initialization):
    """Normal weights of variance ``2 scale^2 / ((1 + a^2) fan_in)`` (He et al. 2015; BSSN 5.2).

    Args:
        scale: Multiplies every weight.
        a: The negative slope of the network's LeakyReLU; 0.1 in both papers' CNN, 0 for ReLU.
    """

    def __init__(self, scale: float = 1.0, a: float = 0.1) -> None:
        super().__init__(scale)
        if not math.isfinite(a):
            raise UserError(f"must be a finite number, got {a}", "a")
        self.a = a

    def draw_(self, layer: nn.Module, weight: Tensor) -> None:
        """Keeps the variance of what passes forward through (leaky) rectifiers."""
        fan_in, _ = fans(layer)
        weight.normal_(std=math.sqrt(2 / ((1 + self.a**2) * fan_in)))


class orthogonal(Initialization):
    """A random matrix with orthonormal rows, or columns if it is higher than wide (SNGAN 4.1).

    The matrix is c_out x (c_in k_h k_w), as in the penalty ``orthonormal``, which it starts at 0.

    Args:
        scale: Multiplies every weight, and is then each of its singular values.
    """

    def draw_(self, layer: nn.Module, weight: Tensor) -> None:
        """Uniform among all such matrices."""
        rows_first = weight.transpose(0, 1) if isinstance(layer, DECONVOLUTIONS) else weight
        # Drawn in float32 or more: half precision has no QR.
        kind = torch.promote_types(weight.dtype, torch.float32)
        matrix = torch.empty(rows_first.flatten(1).shape, dtype=kind, device=weight.device)
        rows_first.copy_(nn.init.orthogonal_(matrix).view(rows_first.shape))


def fans(layer: nn.Module) -> tuple[int, int]:
    """How many numbers an output of a layer is made of, and how many an input goes into.

    Args:
        layer: One of `LAYERS`.

    >>> fans(nn.Conv2d(3, 8, 5)), fans(nn.ConvTranspose2d(3, 8, 5)), fans(nn.Linear(3, 8))
    ((75, 200), (75, 200), (3, 8))
    """
    if isinstance(layer, (*CONVOLUTIONS, *DECONVOLUTIONS)):
        taps = math.prod(layer.kernel_size)
        return taps * layer.in_channels // layer.groups, taps * layer.out_channels // layer.groups
    if isinstance(layer, nn.Embedding):
        return layer.embedding_dim, layer.num_embeddings
    assert isinstance(layer, nn.Linear)
    return layer.in_features, layer.out_features


def initialize_(network: nn.Module, initialization: Initialization | None) -> None:
    """Draws the first weights of every layer of a network anew, in place.

    Args:
        network: Before normalization.
        initialization: None leaves the network's own.
    """
    if initialization is not None:
        for layer in network.modules():
            if isinstance(layer, LAYERS):
                initialization(layer)
