"""Where each layer of a network stands: what it is given, and whether another follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def probe(network: nn.Module, inputs: Sequence[Tensor], kinds: tuple[type[nn.Module], ...]) -> None:
    """Runs one input through the network in eval mode and notes what each layer gets.

    Every layer of the given kinds has two attributes afterwards: ``input_shapes``, the different
    shapes of its input without the batch axis, empty if it was not used; and ``is_output``,
    whether no other layer's input depends on what it makes. Modes, running statistics, gradients
    and random numbers are left alone.

    Args:
        network: The network.
        inputs: What it takes, a batch of one; floating-point ones are moved to its device and type.
        kinds: Types of the layers.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
    shapes: dict[nn.Module, list[tuple[int, ...]]] = {layer: [] for layer in layers}
    taken: list[Tensor] = []
    made: list[tuple[nn.Module, Tensor]] = []

    def note(layer: nn.Module, given: tuple[Any, ...], output: Tensor) -> Tensor:
        shape = tuple(given[0].shape[1:])
        if shape not in shapes[layer]:
            shapes[layer].append(shape)
        taken.append(given[0])
        if output.is_floating_point() and not output.requires_grad:  # a frozen layer of integers
            output = output.detach().requires_grad_().clone()  # no leaf: it may be changed in place
        made.append((layer, output))
        return output

    hooks = [layer.register_forward_hook(note) for layer in layers]
    modes = [(module, module.training) for module in network.modules()]
    parameter = next(network.parameters(), None)
    devices = [parameter.device] if parameter is not None and parameter.is_cuda else []
    try:
        with torch.random.fork_rng(devices), torch.inference_mode(False), torch.enable_grad():
            network.eval()(*(_like(parameter, value) for value in inputs))
            inner = _inner(taken, made)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training
    for layer in layers:
        layer.input_shapes = tuple(shapes[layer])  # type: ignore[assignment]  # plain attributes
        # Ignored below: a note, and no module.
        layer.is_output = bool(shapes[layer]) and layer not in inner  # type: ignore[assignment]


def _like(parameter: Tensor | None, value: Tensor) -> Tensor:
    if parameter is None:
        return value
    if not value.is_floating_point():
        return value.to(parameter.device)
    # Where an input needs a gradient, so does whatever a layer without parameters makes of it.
    return value.detach().to(parameter).requires_grad_()


def _inner(taken: Sequence[Tensor], made: Sequence[tuple[nn.Module, Tensor]]) -> set[nn.Module]:
    """The layers that another layer's input depends on: those with a gradient of all inputs."""
    total = [value.double().sum() for value in taken if value.requires_grad]
    outputs = [(layer, value) for layer, value in made if value.requires_grad]
    if not total or not outputs:
        return set()
    gradients = torch.autograd.grad(
        torch.stack(total).sum(), [value for _, value in outputs], allow_unused=True
    )
    return {layer for (layer, _), g in zip(outputs, gradients, strict=True) if g is not None}
