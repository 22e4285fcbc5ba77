"""A normalization is a callable from layer to layer, applied to every layer of a network."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.errors import UserError
from gan_lightning.normalization.operators import CONVOLUTIONS, DECONVOLUTIONS
from gan_lightning.normalization.probe import probe

log = logging.getLogger(__name__)

LAYERS = (*CONVOLUTIONS, *DECONVOLUTIONS, nn.Linear, nn.Embedding)
"""What a normalization is offered: layers whose one weight is a matrix or a kernel."""


class Normalization(ABC):
    """Wraps one layer of `LAYERS`.

    Subclasses are known to the command line by their class name; any other callable
    ``nn.Module -> nn.Module`` serves as well, given by its import path.

    The layer tells where it stands: ``layer.input_shapes``, the different shapes of its input
    without the batch axis, and ``layer.is_output``, whether no other layer follows it.
    """

    @abstractmethod
    def __call__(self, layer: nn.Module) -> nn.Module:
        """Returns what takes the place of ``layer``: the layer itself, parametrized, or another."""

    def for_network(self) -> Norm:
        """What is called with the layers of one network; holds whatever they share."""
        return self


Norm = Normalization | Callable[[nn.Module], nn.Module]


class none(Normalization):
    """Leaves every layer as it is."""

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Returns ``layer``."""
        return layer


class Projection(nn.Module, ABC):
    """Brings the weight of a layer back into a set after each update of the network.

    A normalization registers it as the layer's ``projection``. Where the weight is a function of a
    parameter (a gain over the normalization, say), it is the parameter that is brought back.
    """

    @abstractmethod
    def project_(self, weight: Tensor) -> None:
        """Changes the weight in place, without reading the device."""


def require_bare(layer: nn.Module, norm: Normalization) -> None:
    """Raises `UserError` if a layer's weight is a function of something already."""
    if parametrize.is_parametrized(layer, "weight"):
        raise UserError(
            f"norm {type(norm).__name__} finds a {type(layer).__name__} whose weight is "
            "parametrized already; a norm such as gamma goes over it, not under it"
        )


def normalize_(network: nn.Module, norm: Norm, *inputs: Tensor) -> nn.Module:
    """Applies ``norm`` to every layer of a network, in place.

    Each layer of `LAYERS` first learns where it stands (`Normalization`). One that is registered
    in several places is wrapped once, and stands there in all of them. Weights that no
    normalization is offered, such as a parameter of attention, are named in the log.

    Args:
        network: The network; its layers are replaced in their parents.
        norm: A callable from layer to layer.
        *inputs: What the network takes, a batch of one; only the shapes matter.

    Returns:
        The network, or what ``norm`` made of it if it is a single layer.

    Raises:
        UserError: The norm returns something that is no module, or refuses a layer.
    """
    probe(network, inputs, LAYERS)
    wrap = norm.for_network() if isinstance(norm, Normalization) else norm
    if not isinstance(norm, none):
        _name_what_is_left(network, norm)
    if isinstance(network, LAYERS):
        return _wrapped(network, wrap)
    made: dict[nn.Module, nn.Module] = {}
    for parent in list(network.modules()):
        # Not named_children(), which passes over the second place of a layer.
        for name, child in list(parent._modules.items()):
            if isinstance(child, LAYERS):
                if child not in made:
                    made[child] = _wrapped(child, wrap)
                setattr(parent, name, made[child])
    return network


def _wrapped(layer: nn.Module, wrap: Norm) -> nn.Module:
    made = wrap(layer)
    if not isinstance(made, nn.Module):
        raise UserError(
            f"the norm {getattr(wrap, '__name__', type(wrap).__name__)} returned "
            f"{type(made).__name__} for a {type(layer).__name__}; it must return the layer, "
            "parametrized, or a module that takes its place"
        )
    return made


def _name_what_is_left(network: nn.Module, norm: Norm) -> None:
    """Says once which matrices and kernels stay as they are."""
    left = [
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if not isinstance(module, LAYERS)
        for name, parameter in module.named_parameters(recurse=False)
        if parameter.ndim >= 2
    ]
    if left:
        name = getattr(norm, "__name__", type(norm).__name__)
        log.warning("The norm %s leaves these weights as they are: %s", name, ", ".join(left))
