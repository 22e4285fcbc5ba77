"""What others may do to the weights of a network, in whatever way."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, vector_to_parameters

from gan_lightning.normalization import power_iterate_
from gan_lightning.normalization.shared import shared_weights
from tests.normalization.made import used


def negated(network: nn.Module) -> None:
    for _, weight in shared_weights(network):
        weight.neg_()


def in_place(network: nn.Module) -> None:
    for _, weight in shared_weights(network):
        weight.mul_(torch.randn_like(weight))


def through_vector_to_parameters(network: nn.Module) -> None:
    vector = torch.randn(sum(p.numel() for p in network.parameters()))
    vector_to_parameters(vector, network.parameters())


def data_replaced(network: nn.Module) -> None:
    for _, weight in shared_weights(network):
        weight.data = torch.randn_like(weight)


def another(network: nn.Module) -> dict[str, Tensor]:
    """The state of such a network with other weights."""
    other = copy.deepcopy(network)
    in_place(other)
    for _ in range(15):
        power_iterate_(other)
    return other.state_dict()


def loaded(network: nn.Module) -> None:
    network.load_state_dict(another(network))


def assigned(network: nn.Module) -> None:
    network.load_state_dict(another(network), assign=True)


def cast(network: nn.Module) -> None:
    network.double()


def half_and_back(network: nn.Module) -> None:
    network.bfloat16().float()


def what_is_handed_out(network: nn.Module) -> None:
    for layer in network.modules():
        if parametrize.is_parametrized(layer):
            used(layer).mul_(2)


CHANGES: list[Callable[[nn.Module], None]] = [
    negated,
    in_place,
    through_vector_to_parameters,
    data_replaced,
    loaded,
    assigned,
    cast,
    half_and_back,
    what_is_handed_out,
]
