"""How gradients follow the spectral norms of layers when the network stays the same function.

BSSN Eq. 2, Figs. 3, 14 and 15 and App. K: the set of discriminators in which
``|grad_{w_i} D| / |grad_{w_j} D| = s(w_j) / s(w_i)``, within which equal spectral norms make the
smallest gradient (Theorem 1).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.analysis.layers import Layer, layers_of
from gan_lightning.analysis.spectra import convolution_norm, squared_singular_values
from gan_lightning.errors import UserError

SPREAD = 1.0
"""Standard deviation of the logarithm of a layer's factor."""


class Ratios(NamedTuple):
    """Of one layer to the first one, after one rescaling.

    Attributes:
        draw: Number of the rescaling.
        layer: The layer's name.
        gradient: ``|grad_{w_i} D| / |grad_{w_1} D|``, averaged over the images.
        spectral: ``s(w_1) / s(w_i)``.
    """

    draw: int
    layer: str
    gradient: float
    spectral: float


def rescaling_study(
    network: nn.Module,
    images: Tensor,
    labels: Sequence[Tensor] = (),
    draws: int = 20,
    mean: float = 1.0,
    seed: int = 0,
) -> list[Ratios]:
    """Ratios of gradient norms against inverse ratios of spectral norms, under random rescalings.

    The used weights are multiplied by random factors, one for each layer, such that the geometric
    mean of their spectral norms is ``mean``; biases go with the layers below. By Proposition 2 the
    discriminator stays the same function, but for a constant.

    Args:
        network: A chain of layers with ReLU or leaky ReLU between them; left as it is.
        images: Real images, ``(N, C, H, W)``; 64 in the paper.
        labels: Their classes, for a conditional discriminator.
        draws: Number of rescalings.
        mean: Geometric mean of the spectral norms: 1 in the paper for MNIST, 1.75 for CIFAR10.
        seed: Of the factors.

    Returns:
        For each rescaling, each layer but the first.

    Raises:
        UserError: The network is no such chain: rescaling makes another function of it.
    """
    plain = folded(network).double()
    images = images.double()
    layers = layers_of(plain)
    before = _logits(plain, images, labels).detach()
    norms = [spectral_norm(layer) for layer in layers]
    rng = np.random.default_rng(seed)
    rows = []
    for draw in range(draws):
        factors = _factors(norms, mean, rng)
        scaled = copy.deepcopy(plain)
        rescale_(layers_of(scaled), factors)
        _require_same(_logits(scaled, images, labels), before * math.prod(factors), network)
        gradients = _gradient_norms(scaled, images, labels)
        wanted = [factor * norm for factor, norm in zip(factors, norms, strict=True)]
        rows += [
            Ratios(draw, layer.name, gradients[k] / gradients[0], wanted[0] / wanted[k])
            for k, layer in enumerate(layers)
            if k
        ]
    return rows


def folded(network: nn.Module) -> nn.Module:
    """A copy with the used weights in place of trained ones, in eval mode and without norms.

    Not by torch's `remove_parametrizations`, which deletes a property of the class that the copied
    layers share with those of ``network``.
    """
    plain = copy.deepcopy(network)
    for module in plain.modules():
        if parametrize.is_parametrized(module):
            names = list(module.parametrizations)  # type: ignore[arg-type]  # a ModuleDict
            used = {name: getattr(module, name).detach().clone() for name in names}
            del module.parametrizations
            module.__class__ = type(module).__bases__[0]
            for name, tensor in used.items():
                module.register_parameter(name, nn.Parameter(tensor))
    return plain.eval()


def spectral_norm(layer: Layer) -> float:
    """The norm of a layer as an operator, or of W_out where that is not defined."""
    norm = convolution_norm(layer)
    if norm is None:
        norm = squared_singular_values(layer.unfolded())[0].sqrt()
    return norm.item()


@torch.no_grad()
def rescale_(layers: Sequence[Layer], factors: Sequence[float]) -> None:
    """Multiplies each weight by its factor, and each bias by those of all layers up to its own."""
    so_far = 1.0
    for layer, factor in zip(layers, factors, strict=True):
        so_far *= factor
        layer.trained[0].mul_(factor)
        bias = getattr(layer.module, "bias", None)
        if bias is not None:
            bias.mul_(so_far)


def _factors(norms: Sequence[float], mean: float, rng: np.random.Generator) -> list[float]:
    """Log-normal, such that the geometric mean of the rescaled norms is ``mean``."""
    logs = rng.normal(0.0, SPREAD, len(norms))
    now = np.log(norms) + logs
    return [float(f) for f in np.exp(logs - now.mean() + math.log(mean))]


def _gradient_norms(network: nn.Module, images: Tensor, labels: Sequence[Tensor]) -> list[float]:
    """``|grad_{w_i} D(x)|`` by layer, each averaged over images, one by one."""
    weights = [layer.trained[0] for layer in layers_of(network)]
    total = np.zeros(len(weights))
    for k in range(len(images)):
        one = slice(k, k + 1)
        logit = _logits(network, images[one], [y[one] for y in labels]).sum()
        found = torch.autograd.grad(logit, weights)
        total += [gradient.norm().item() for gradient in found]
    return list(total / len(images))


def _logits(network: nn.Module, images: Tensor, labels: Sequence[Tensor]) -> Tensor:
    output = network(images, *labels)
    logits: Tensor = output if isinstance(output, Tensor) else output[0]
    return logits


def _require_same(logits: Tensor, expected: Tensor, network: nn.Module) -> None:
    if not torch.allclose(logits, expected, rtol=1e-6, atol=1e-9 * float(expected.abs().max())):
        raise UserError(
            f"{type(network).__name__} becomes another function when its layers are rescaled: the "
            "study takes chains of layers with ReLU or leaky ReLU, such as CNNDiscriminator"
        )
