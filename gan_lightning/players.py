"""The two networks in training, with what the step must know of each, looked up once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from gan_lightning.normalization import Upkeep

Update = Callable[[Tensor], None]
"""Clears the gradients of one network, backpropagates a loss and makes an optimizer step."""


def descend(optimizer: Optimizer) -> Update:
    """The update of a plain training loop."""

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return update


class Player:
    """A network in training.

    Its structure is looked up here, once: make another one when layers or tensors are replaced.

    Args:
        network: The network, after `gan_lightning.normalization.normalize_`.
        update: Descends a loss of it.
        couples: Whether what it says of an image depends on the others of the batch; by default
            what `declares_coupling` finds.
    """

    def __init__(self, network: nn.Module, update: Update, couples: bool | None = None) -> None:
        self.network = network
        self.couples = declares_coupling(network) if couples is None else couples
        self._update = update
        self._upkeep = Upkeep(network)
        self._parameters = tuple(network.parameters())
        self._averaging = [
            module
            for module in network.modules()
            if isinstance(module, _BatchNorm) and module.momentum is not None
        ]

    def refresh_(self) -> None:
        """Forms whatever is derived from the weights, as they were built or loaded."""
        self._upkeep.refresh_()

    def update(self, loss: Tensor) -> None:
        """Makes one update of the weights, and renews whatever is derived from them."""
        self._update(loss)
        self._upkeep.renew_()
        # Autocast keeps the half precision copies of weights until its context ends, and
        # Lightning's lasts for a whole training step: the next pass would use the old weights.
        torch.clear_autocast_cache()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within it, no gradient of the network's parameters is computed."""
        trainable = [p for p in self._parameters if p.requires_grad]
        for parameter in trainable:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in trainable:
                parameter.requires_grad_(True)

    @contextmanager
    def as_two_passes(self) -> Iterator[None]:
        """Within it, one pass moves running statistics as two passes over the same batch would.

        Two steps r <- (1 - m) r + m s towards the same s are one with momentum 1 - (1 - m)^2.
        """
        momenta = [layer.momentum for layer in self._averaging]
        for layer, m in zip(self._averaging, momenta, strict=True):
            layer.momentum = 1 - (1 - m) ** 2  # type: ignore[operator]  # not None
        try:
            yield
        finally:
            for layer, m in zip(self._averaging, momenta, strict=True):
                layer.momentum = m


def declares_coupling(network: nn.Module) -> bool:
    """Whether a network is known to couple the images of a batch.

    Batch normalization does; any module of your own says so by ``couples_images = True``.
    """
    return any(
        isinstance(module, _BatchNorm) or getattr(module, "couples_images", False)
        for module in network.modules()
    )


@torch.no_grad()
def couples_images(network: nn.Module, images: Tensor, *labels: Tensor) -> bool:
    """Whether what a network says of an image depends on the others of the batch, found by trial.

    Besides `declares_coupling`, that is so if two halves of a batch are judged otherwise together
    than apart (minibatch statistics), or if a pass changes a buffer (counters). Random layers such
    as dropout count as coupling too, at the price of separate passes. Buffers are put back.

    Args:
        network: ``(images, *labels) -> output``, in the mode that it trains in.
        images: ``(2 N, C, H, W)``, all different.
        *labels: int64 ``(2 N,)``.
    """
    if declares_coupling(network):
        return True
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    devices = [images.device] if images.is_cuda else []
    with torch.random.fork_rng(devices):
        together = _first(network(images, *labels))
        halves = [tensor.chunk(2) for tensor in (images, *labels)]
        apart = torch.cat([_first(network(*half)) for half in zip(*halves, strict=True)])
    changed = False
    for name, buffer in network.named_buffers():
        if not torch.equal(buffer, before[name]):
            changed = True
            buffer.copy_(before[name])
    slack = 1e-3 * float(apart.abs().max())
    return changed or not torch.allclose(together, apart, rtol=0, atol=slack)


def _first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]
