"""Norms that divide a weight by the Euclidean length of its parts: nothing has to be estimated."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.normalization.base import LAYERS, Normalization, require_bare
from gan_lightning.normalization.operators import DECONVOLUTIONS
from gan_lightning.normalization.shared import SharedWeight, shared_weights, without_autocast

SMALLEST_LENGTH = 1e-36
"""A part this short is zero, and 1 is taken for its length: it stays zero, and its gradients stay
of ordinary size, where the derivative of w / ||w|| has none."""


class Unit(SharedWeight):
    """The parametrization that divides each part of a weight by its length.

    It has no state of its own: what it keeps is formed from the weight alone.

    Args:
        weight: The weight to be parametrized.
        axes: The axes of one part; the parts are along the others.
        groups: Into how many groups the first axis is divided beforehand, one more axis.
    """

    gain: Tensor

    def __init__(self, weight: Tensor, axes: Sequence[int], groups: int | None = None) -> None:
        super().__init__(weight)
        self.axes = tuple(axes)
        self.groups = groups
        lengths = self.lengths(weight.detach()).to(weight.dtype)
        self.register_buffer("gain", torch.empty_like(lengths), persistent=False)

    def parts(self, weight: Tensor) -> Tensor:
        """The weight, with its groups as an axis of their own."""
        return weight if self.groups is None else weight.unflatten(0, (self.groups, -1))

    def lengths(self, weight: Tensor) -> Tensor:
        """The length of each part, with its axes kept.

        The squares are added up in float64: those of 1e-30 and of 1e30 are beyond float32.
        """
        wide = weight.dtype if weight.device.type == "mps" else torch.float64
        lengths: Tensor = torch.linalg.vector_norm(
            self.parts(weight), dim=self.axes, keepdim=True, dtype=wide
        )
        return lengths

    def definition(self, weight: Tensor) -> Tensor:
        """W / ||W|| in each part, with autograd's own derivatives."""
        with without_autocast(weight):
            divided = self.parts(weight) * gains(self.lengths(weight).to(weight.dtype))
            return divided.reshape(weight.shape)

    def context(self) -> tuple[Tensor, ...]:
        """The inverse lengths."""
        return (self.gain,)

    def gradient(self, grad: Tensor, normalized: Tensor, *context: Tensor) -> Tensor:
        """With N = W / ||W|| and G the gradient of N, ``dL/dW = (G - <G, N> N) / ||W||``."""
        (gain,) = context
        of_parts, units = self.parts(grad), self.parts(normalized)
        share = (of_parts * units).sum(self.axes, keepdim=True)
        out = torch.addcmul(of_parts, units, share, value=-1).mul_(gain)
        return out.reshape(grad.shape)


def gains(lengths: Tensor) -> Tensor:
    """The inverses of lengths; 1 of a length of zero."""
    return torch.where(lengths > SMALLEST_LENGTH, lengths, 1.0).reciprocal()


Pairs = Sequence[tuple[Unit, Tensor]]


class Units:
    """The shared weights of several layers, formed together, their tensors looked up once.

    Args:
        pairs: Each parametrization with the weight that it divides.
    """

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._gains = [module.gain for module, _ in pairs]
        self._sizes = [gain.numel() for gain in self._gains]

    @torch.no_grad()
    def refresh_(self) -> None:
        """Forms the normalized weights of the present weights."""
        if not self._pairs:
            return
        # The lengths of all layers are inverted in one call each: they are many and tiny.
        lengths = torch.cat([module.lengths(weight).flatten() for module, weight in self._pairs])
        inverse = gains(lengths.to(self._gains[0].dtype)).split(self._sizes)
        parts = [new.view(gain.shape) for new, gain in zip(inverse, self._gains, strict=True)]
        torch._foreach_copy_(self._gains, parts)
        for module, weight in self._pairs:
            torch.mul(module.parts(weight), module.gain, out=module.parts(module.normalized))
            module.mark_current(weight)


def unit_pairs(network: nn.Module) -> Pairs:
    """Every `Unit` of a network with the weight that it divides."""
    return [
        (module, weight) for module, weight in shared_weights(network) if isinstance(module, Unit)
    ]


class UnitNormalization(Normalization):
    """Parametrizes a layer's weight by `Unit`; subclasses choose the parts."""

    @abstractmethod
    def unit(self, layer: nn.Module) -> Unit:
        """Divides the layer's weight."""

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Parametrizes ``layer.weight``, in place."""
        assert isinstance(layer, LAYERS)
        require_bare(layer, self)
        parametrize.register_parametrization(layer, "weight", self.unit(layer))
        Units(unit_pairs(layer)).refresh_()  # of the parameter that torch may have made anew
        return layer


class wn(UnitNormalization):
    """Weight normalization without gain: ``w_i / ||w_i||_2`` (SNGAN section 3, Eq. 13 and 25).

    w_i is all that makes output i: a row of the c_out x (c_in k_h k_w) matrix, in a transposed
    convolution too, and the vector of a class in an Embedding. Every layer is normalized, the last
    one included; `gamma` over it gives back a gain (SNGAN App. E).
    """

    def unit(self, layer: nn.Module) -> Unit:
        """One part for each output."""
        weight: Tensor = layer.weight  # type: ignore[assignment]  # a layer of LAYERS
        if isinstance(layer, DECONVOLUTIONS):  # (groups, c_in / groups, c_out / groups, k_h, k_w)
            return Unit(weight, (1, *range(3, weight.ndim + 1)), layer.groups)
        return Unit(weight, range(1, weight.ndim))


class frobenius(UnitNormalization):
    """``W / ||W||_F``: the squares of all singular values add up to 1 (SNGAN App. D.1, Eq. 26)."""

    def unit(self, layer: nn.Module) -> Unit:
        """The whole weight is one part."""
        weight: Tensor = layer.weight  # type: ignore[assignment]  # a layer of LAYERS
        return Unit(weight, range(weight.ndim))
