"""What the tests of networks share: small networks, and how one reads a network off."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn

from gan_lightning.networks import (
    AuxiliaryCNNDiscriminator,
    ConcatCNNDiscriminator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)

SHAPE = (1, 8, 8)
G = partial(ConditionalCNNGenerator, latent_dim=4, width=1)
D = partial(ProjectionCNNDiscriminator, width=1)
AC = partial(AuxiliaryCNNDiscriminator, width=1)
CONCAT = partial(ConcatCNNDiscriminator, width=1)

Network = TypeVar("Network", bound=nn.Module)


def lively(network: Network, size: float = 0.3) -> Network:
    """No weight, bias or gain as it began: of first weights, answers are 1e-8, which is near any.

    Args:
        network: Changed in place.
        size: Of the normal numbers that are added.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return network


def layers(network: nn.Module, *inputs: Tensor) -> list[tuple[nn.Module, tuple[int, ...]]]:
    """Convolutions and linear layers in order of use, with the shapes of what they make."""
    found: list[tuple[nn.Module, tuple[int, ...]]] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            module.register_forward_hook(
                lambda layer, given, out: found.append((layer, tuple(out.shape[1:])))
            )
    with torch.no_grad():
        network.eval()(*inputs)
    return found


def described(layer: nn.Module, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    if isinstance(layer, nn.Linear):
        return 0, 1, shape[0], 1
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    assert layer.kernel_size[0] == layer.kernel_size[1]
    assert shape[1] == shape[2]
    return layer.kernel_size[0], layer.stride[0], shape[0], shape[1]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def of_any_weights(network: Network) -> Network:
    """The network in float64, with weights and biases such that no answer is close to zero."""
    torch.manual_seed(0)
    for parameter in network.double().parameters():
        spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.5
        nn.init.normal_(parameter, std=spread)
    return network
