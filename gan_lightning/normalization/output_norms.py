"""Norms of what a layer makes, not of its weight: batch and layer normalization (SNGAN 4.1)."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.normalization.base import LAYERS, Normalization
from gan_lightning.normalization.operators import CONVOLUTIONS, DECONVOLUTIONS

EPS = 1e-5
"""Added to every variance: torch's own value, and that of batch normalization in BSSN's code."""

MOMENTUM = 0.1
"""The share of the newest batch in running statistics, likewise."""


class Followed(nn.Sequential):
    """A layer, then the normalization of what it makes; the activation comes after both.

    It has no weight of its own, so that nothing can use the layer's and forget what follows it.
    """

    def __init__(self, layer: nn.Module, norm: nn.Module) -> None:
        super().__init__(OrderedDict(layer=layer, norm=norm))


class OutputNormalization(Normalization):
    """Normalizes the output of hidden layers, without gain or offset (SNGAN 4.1).

    The output layer is left alone, for its numbers are what is asked for, and so is an Embedding,
    which makes nothing of images.
    """

    @abstractmethod
    def follower(self, layer: nn.Module) -> nn.Module:
        """What normalizes the outputs of a layer."""

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Puts the normalization behind the layer."""
        assert isinstance(layer, LAYERS)
        if layer.is_output or isinstance(layer, nn.Embedding):
            return layer
        weight = layer.weight
        return Followed(layer, self.follower(layer).to(weight.device, weight.dtype))


class bn(OutputNormalization):
    """Batch normalization without gain and offset (Ioffe and Szegedy 2015; SNGAN 4.1).

    Over the batch and the image, for each channel; eps 1e-5, momentum 0.1. Real and generated
    images are batches of their own, and under several processes each normalizes its own share. A
    discriminator's answer to an image then depends on the others of its batch, so that penalties of
    its slope are refused.
    """

    def follower(self, layer: nn.Module) -> nn.Module:
        """Batch normalization of the layer's kind of output."""
        if isinstance(layer, (*CONVOLUTIONS, *DECONVOLUTIONS)):
            kinds = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
            return kinds[layer.weight.ndim](layer.out_channels, EPS, MOMENTUM, affine=False)
        assert isinstance(layer, nn.Linear)
        # Ignored below: the probe notes it on the layer.
        shapes: tuple[tuple[int, ...], ...] = layer.input_shapes  # type: ignore[assignment]
        if any(len(shape) != 1 for shape in shapes):
            raise UserError(
                "norm bn takes linear layers whose input is (images, features), but one is used on "
                f"inputs of shape {shapes[0]} for each image; use ln instead"
            )
        return nn.BatchNorm1d(layer.out_features, EPS, MOMENTUM, affine=False)


class ln(OutputNormalization):
    """Layer normalization without gain and offset (Ba et al. 2016; SNGAN 4.1).

    Over all that the layer makes of one image: channels, height and width together, as in the work
    of Gulrajani et al. 2017; eps 1e-5. It couples no images, so that every penalty goes with it.
    """

    def follower(self, layer: nn.Module) -> nn.Module:
        """Layer normalization, of whatever shape."""
        return LayerNorm()


class LayerNorm(nn.Module):
    """``(x - E x) / sqrt(Var x + eps)`` over all axes but the first."""

    def forward(self, x: Tensor) -> Tensor:
        """``(N, ...) -> (N, ...)``."""
        # One group of all channels: unlike F.layer_norm it keeps images in channels_last memory.
        return F.group_norm(x, 1, eps=EPS)
