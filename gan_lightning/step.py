"""One iteration of GAN training, as plain torch.

It knows nothing of Lightning and reads nothing back to the host, so that the same function serves
training, benchmarks, the meta device and a captured CUDA graph. The mathematics is that of SNGAN's
Algorithm 1 with separate passes; what is saved is only work whose result is known:

* The generator update uses the latents of the last discriminator update (BSSN's code), and the
  generator has not changed since: its forward pass is shared.
* The discriminator is frozen in the generator update: its weight gradients are never computed.
* Real and fake images go through the discriminator in one pass, unless it couples the images of a
  batch (batch normalization).
* Every pass of one version of the weights uses the same normalized weight
  (`gan_lightning.normalization.power_iteration`).

With G and D the costs of one forward pass, an iteration with n_dis 1 costs 3 G + 8 D instead of
4 G + 9 D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from gan_lightning.losses import Objective
from gan_lightning.normalization import power_iterate_

Update = Callable[[Tensor], None]
"""Clears the gradients of one network, backpropagates a loss and makes an optimizer step."""


def descend(optimizer: Optimizer) -> Update:
    """The update of a plain training loop."""

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return update


def iteration(
    generator: nn.Module,
    discriminator: nn.Module,
    objective: Objective,
    update_generator: Update,
    update_discriminator: Update,
    images: Tensor,
    latents: Tensor,
) -> Tensor:
    """Makes n_dis discriminator updates, then one generator update (SNGAN Algorithm 1).

    After each update of a network follows one power iteration of its normalized layers.

    Args:
        generator: ``(N, latent_dim) -> (N, C, H, W)``.
        discriminator: ``(N, C, H, W) -> (N, ...)`` logits.
        objective: The two losses.
        update_generator: Descends the generator's loss.
        update_discriminator: Descends the discriminator's loss.
        images: Real images, ``(n_dis, N, C, H, W)``, fresh for every discriminator update.
        latents: ``(n_dis, N, latent_dim)``.

    Returns:
        The discriminator's loss, averaged over the n_dis updates, and the generator's: ``(2,)``,
        detached, on the device.
    """
    last = len(images) - 1
    losses = []
    for k, (real, z) in enumerate(zip(images, latents, strict=True)):
        with _as_two_passes(generator) if k == last else torch.no_grad():
            fake = generator(z)
        real_logits, fake_logits = _logits(discriminator, real, fake.detach())
        loss = objective.discriminator(real_logits, fake_logits)
        update_discriminator(loss)
        _new_version(discriminator)
        losses.append(loss.detach())

    with frozen(discriminator):
        loss = objective.generator(_at_least_fp32(discriminator(fake)))
        update_generator(loss)
    _new_version(generator)
    return torch.stack([torch.stack(losses).mean(), loss.detach()])


def _new_version(network: nn.Module) -> None:
    """What follows an update of the weights: whatever was derived from the old ones is renewed."""
    power_iterate_(network)
    # Autocast keeps the half precision copies of weights until its context ends, and Lightning's
    # lasts for a whole training step: the next pass would use the old weights.
    torch.clear_autocast_cache()


def _logits(discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    if any(isinstance(module, _BatchNorm) for module in discriminator.modules()):
        return _at_least_fp32(discriminator(real)), _at_least_fp32(discriminator(fake))
    logits = _at_least_fp32(discriminator(torch.cat([real, fake])))
    return logits[: len(real)], logits[len(real) :]


def _at_least_fp32(logits: Tensor) -> Tensor:
    """Losses are not taken in the half precision of autocast."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Within it, no gradient of the network's parameters is computed."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


@contextmanager
def _as_two_passes(network: nn.Module) -> Iterator[None]:
    """Within it, one pass moves running statistics as two passes over the same batch would.

    Two steps r <- (1 - m) r + m s towards the same s are one with momentum 1 - (1 - m)^2.
    """
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.momentum is not None]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1 - (1 - layer.momentum) ** 2  # type: ignore[operator]  # not None
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
