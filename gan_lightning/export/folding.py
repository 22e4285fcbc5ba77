"""A generator as a plain network: its normalizations folded into its weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from gan_lightning.images import evaluating
from gan_lightning.networks import Generator
from gan_lightning.normalization.base import Projection


def folded_copy(generator: Generator) -> Generator:
    """A copy that computes the same images from weights that are normalized already.

    Parametrizations (spectral norms, gains) are replaced by what they make of the weights; what
    only training needs goes. Batch normalization stays: it is part of the network.

    Args:
        generator: Left as it is.

    Returns:
        A network for evaluation, on the CPU, all tensors in the usual memory order.
    """
    with evaluating(generator), torch.inference_mode(False), torch.no_grad():
        plain = copy.deepcopy(generator).cpu().eval().requires_grad_(False)
        for layer in list(plain.modules()):
            if isinstance(getattr(layer, "projection", None), Projection):
                del layer.projection
            if parametrize.is_parametrized(layer):
                _fold_(layer)
        _straighten_(plain)
    return plain


def _fold_(layer: nn.Module) -> None:
    """Makes parameters of what parametrizations make.

    torch's own ``remove_parametrizations`` changes the class of the layer, which a copy shares with
    the layer it was copied from.
    """
    values = {name: getattr(layer, name).clone() for name in layer.parametrizations}  # type: ignore[union-attr]  # a ModuleDict
    layer.__class__ = parametrize.type_before_parametrizations(layer)
    del layer.parametrizations
    for name, value in values.items():
        layer.register_parameter(name, nn.Parameter(value, requires_grad=False))


def _straighten_(network: nn.Module) -> None:
    """Moves kernels from channels_last into the memory order that files have."""
    for parameter in [*network.parameters(), *network.buffers()]:
        parameter.data = parameter.data.contiguous()


def described(generator: Generator) -> dict[str, Any]:
    """What a program must know to use a generator, in plain values."""
    return {
        "image_shape": list(generator.image_shape),
        "latent_dim": generator.latent_dim,
        "num_classes": generator.num_classes,
        "value_range": list(generator.value_range),
    }
