"""A normalization is a callable from layer to layer, applied to every layer of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class Normalization(ABC):
    """Wraps one Conv2d, ConvTranspose2d or Linear.

    Subclasses are known to the command line by their class name; any other callable
    ``nn.Module -> nn.Module`` serves as well, given by its import path.
    """

    @abstractmethod
    def __call__(self, layer: nn.Module) -> nn.Module:
        """Returns what takes the place of ``layer``: the layer itself, parametrized, or another."""


Norm = Normalization | Callable[[nn.Module], nn.Module]


class none(Normalization):
    """Leaves every layer as it is."""

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Returns ``layer``."""
        return layer


def normalize_(network: nn.Module, norm: Norm, input_shape: tuple[int, ...]) -> nn.Module:
    """Applies ``norm`` to every Conv2d, ConvTranspose2d and Linear of a network, in place.

    Each of these layers first learns the shape of its own input, as attribute ``input_shape``
    without the batch axis: the norm of a convolution as an operator depends on it.

    Args:
        network: The network; its layers are replaced in their parents.
        norm: A callable from layer to layer.
        input_shape: Shape of one input of the network, without the batch axis.

    Returns:
        The network, or what ``norm`` made of it if it is a single layer.
    """
    _record_input_shapes(network, input_shape)
    if isinstance(network, LAYERS):
        return norm(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LAYERS):
                setattr(parent, name, norm(child))
    return network


@torch.no_grad()
def _record_input_shapes(network: nn.Module, input_shape: tuple[int, ...]) -> None:
    """Runs one input of zeros through the network in eval mode and notes what each layer gets."""

    def note(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        layer.input_shape = tuple(inputs[0].shape[1:])  # type: ignore[assignment]  # plain attribute

    hooks = [
        layer.register_forward_pre_hook(note)
        for layer in network.modules()
        if isinstance(layer, LAYERS)
    ]
    modes = [(module, module.training) for module in network.modules()]
    parameter: Tensor | None = next(network.parameters(), None)
    try:
        zeros = torch.zeros(1, *input_shape)
        network.eval()(zeros if parameter is None else zeros.to(parameter))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training
