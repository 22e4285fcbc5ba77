"""A weight that is a function of a parameter, formed once for each version of the parameter.

Whoever updates the parameter has `normalized` formed anew in place (`Upkeep`), and from then on
every pass uses that same tensor. The parameter changed in another way is noticed (a loaded
checkpoint and surgery in place by its version counter, `vector_to_parameters` and
``weight.data = ...`` by its address), and until the next refresh each pass goes by the definition.
Only surgery in place through ``weight.data`` (``weight.data.mul_(2)``) leaves no trace: call
`gan_lightning.normalization.refresh_` after it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

from gan_lightning.errors import UserError


class SharedWeight(nn.Module, ABC):
    """A parametrization whose value all passes of one version of the weight share.

    Args:
        weight: The weight to be parametrized; gives shape, type and device.
    """

    normalized: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("normalized", torch.empty_like(weight), persistent=False)
        self._mark: _Mark | None = None

    @abstractmethod
    def definition(self, weight: Tensor) -> Tensor:
        """The normalized weight by its definition, with autograd's own derivatives."""

    @abstractmethod
    def gradient(self, grad: Tensor, normalized: Tensor, *context: Tensor) -> Tensor:
        """The gradient of the weight, given that of the normalized weight; constants constant.

        Args:
            grad: Of `normalized`.
            normalized: As it was in the forward pass.
            *context: What `context` returned then.
        """

    @abstractmethod
    def context(self) -> tuple[Tensor, ...]:
        """What `gradient` needs beside the normalized weight."""

    def forward(self, weight: Tensor) -> Tensor:
        """Returns the normalized weight, the shared one if ``weight`` is the version it is of."""
        # Compilers cannot follow the mark: to them the definition is a function like any other.
        if torch.compiler.is_compiling() or self._mark is None or not self._mark.holds(weight):
            return self.definition(weight)
        if not (weight.requires_grad and torch.is_grad_enabled()):  # it takes no gradient
            return self.normalized.detach()
        shared: Tensor = _Shared.apply(weight, self, self.normalized, *self.context())
        return shared

    def mark_current(self, weight: Tensor) -> None:
        """Declares `normalized` to be that of ``weight`` as it is now."""
        self._mark = None if weight.is_inference() else _Mark(weight, self.normalized)

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        # .to() and .double() change the weight without touching its version counter.
        self._mark = None
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]  # torch does not type it
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the mark out of copies, whose tensors count their versions anew."""
        return {**self.__dict__, "_mark": None}


class _Mark:
    """Which state of a weight the shared normalized weight belongs to."""

    def __init__(self, weight: Tensor, normalized: Tensor) -> None:
        self.weight, self.normalized = weight, normalized
        self.state = self._state()

    def _state(self) -> tuple[int, int, int]:
        # The normalized weight is what `layer.weight` hands out: somebody may change it in place.
        return self.weight._version, self.weight.data_ptr(), self.normalized._version

    def holds(self, weight: Tensor) -> bool:
        return weight is self.weight and self._state() == self.state


class _Shared(torch.autograd.Function):
    """Passes on the normalized weight formed before; its backward is the module's `gradient`."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 (torch's context has no public type)
        weight: Tensor,
        module: SharedWeight,
        normalized: Tensor,
        *context: Tensor,
    ) -> Tensor:
        ctx.module = module
        ctx.save_for_backward(weight, normalized, *context)
        return normalized.detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 (as above)
        weight, normalized, *context = ctx.saved_tensors  # raises if one has changed
        module: SharedWeight = ctx.module
        nothing = (None,) * (2 + len(context))
        if torch.is_grad_enabled():  # a gradient of this gradient will be asked for
            defined = module.definition(weight)
            return torch.autograd.grad(defined, weight, grad, create_graph=True)[0], *nothing
        with without_autocast(grad):
            return module.gradient(grad, normalized, *context), *nothing


def without_autocast(tensor: Tensor) -> AbstractContextManager[None]:
    """Norms are taken in the precision of the weights, whatever the passes use."""
    device = tensor.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


def shared_weights(network: nn.Module) -> list[tuple[SharedWeight, Tensor]]:
    """Every shared weight of a network with the parameter that it is a function of."""
    return [
        (parametrization, parametrizations.original)
        for parametrizations in network.modules()
        if isinstance(parametrizations, ParametrizationList)
        for parametrization in parametrizations
        if isinstance(parametrization, SharedWeight)
    ]


def parameter_of(layer: nn.Module) -> Tensor:
    """The parameter that a layer's weight is, or is a function of.

    Raises:
        UserError: It is a function of several, as under torch's ``weight_norm``.
    """
    parametrized = is_parametrized(layer, "weight")
    # Ignored below: a ModuleDict where it is parametrized.
    own: Any = layer.parametrizations.weight if parametrized else layer  # type: ignore[union-attr]
    name = "original" if parametrized else "weight"
    if not hasattr(own, name):
        kind = type(layer).__name__.removeprefix("Parametrized")
        raise UserError(
            f"the weight of a {kind} is made of several parameters, of which none can be drawn, "
            "bounded or penalized in its place; take a norm of this project, such as wn, or no "
            "initialization, clip and orthonormal"
        )
    weight: Tensor = getattr(own, name)
    return weight
