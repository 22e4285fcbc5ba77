"""One iteration of GAN training, as plain torch.

It knows nothing of Lightning and reads nothing back to the host, so that the same function serves
training, benchmarks, the meta device and a captured CUDA graph. The mathematics is that of SNGAN's
Algorithm 1 with separate passes; what is saved is only work whose result is known:

* The generator update uses the latents of the last discriminator update (BSSN's code), and the
  generator has not changed since: its forward pass is shared. (Not where the generator has a batch
  of its own size.)
* The discriminator is frozen in the generator update: its weight gradients are never computed.
* Real and fake images go through the discriminator in one pass, unless it couples the images of a
  batch (batch normalization).
* Every pass of one version of the weights uses the same normalized weight
  (`gan_lightning.normalization.power_iteration`).

With G and D the costs of one forward pass, an iteration with n_dis 1 costs 3 G + 8 D instead of
4 G + 9 D.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gan_lightning.augmentation import View, as_they_are
from gan_lightning.draws import Draw, Own
from gan_lightning.losses import Objective
from gan_lightning.penalties import Penalty
from gan_lightning.players import Player


def iteration(
    generator: Player,
    discriminator: Player,
    objective: Objective,
    penalties: Sequence[Penalty],
    draws: Draw,
    own: Own | None = None,
    view: View = as_they_are,
) -> Tensor:
    """Makes n_dis discriminator updates, then one generator update (SNGAN Algorithm 1).

    Each update of a network is followed by the upkeep of its normalizations: one power iteration,
    or the projection of its weights.

    Args:
        generator: Its network is ``(latents, *labels) -> (N, C, H, W)``.
        discriminator: Its network is ``(images, *labels) -> output``: logits, or a NamedTuple of
            tensors with one entry per image.
        objective: The two losses.
        penalties: Terms that join the discriminator's loss.
        draws: What the discriminator updates look at, with n_dis as first axis of every tensor.
        own: What the generator update looks at, if not what the last discriminator update did.
        view: What the discriminator sees of images, real or generated. Penalties bound it where it
            is used, so they look at what it sees.

    Returns:
        The discriminator's loss with its penalties, averaged over the n_dis updates, and the
        generator's: ``(2,)``, detached, on the device.
    """
    G, D = generator.network, discriminator.network
    each = draws.each()
    losses = []
    for k, draw in enumerate(each):
        shared = own is None and k == len(each) - 1
        with generator.as_two_passes() if shared else torch.no_grad():
            fake = G(draw.latents, *draw.fake_labels)
        draw = draw._replace(images=view(draw.images, *draw.views))
        seen = view(fake.detach(), *draw.fake_views)
        loss = discriminator_loss(discriminator, objective, penalties, draw, seen)
        discriminator.update(loss)
        losses.append(loss.detach())

    labels, views = each[-1].fake_labels, each[-1].fake_views
    if own is not None:
        labels, views = own.labels, own.views
        fake = G(own.latents, *labels)
    with discriminator.frozen():
        loss = objective.generator(_at_least_fp32(D(view(fake, *views), *labels)))
        generator.update(loss)
    return torch.stack([torch.stack(losses).mean(), loss.detach()])


def discriminator_loss(
    discriminator: Player,
    objective: Objective,
    penalties: Sequence[Penalty],
    draw: Draw,
    fake: Tensor,
) -> Tensor:
    """What a discriminator update descends: the objective's loss and all penalties.

    Args:
        discriminator: As in `iteration`.
        objective: As in `iteration`; moves its state, if it has any.
        penalties: As in `iteration`.
        draw: What the update looks at.
        fake: The generated images, ``(N, C, H, W)``, without gradient.
    """
    loss = objective.discriminator(*judged(discriminator, draw, fake))
    for penalty in penalties:
        loss = loss + penalty(discriminator.network, draw, fake)
    return loss


def judged(discriminator: Player, draw: Draw, fake: Tensor) -> tuple[Any, Any]:
    """What the discriminator says of the real and of the generated images, in float32 or more.

    Args:
        discriminator: As in `iteration`.
        draw: What is looked at.
        fake: The generated images.
    """
    D = discriminator.network
    if discriminator.couples:
        real = D(draw.images, *draw.labels)
        return _at_least_fp32(real), _at_least_fp32(D(fake, *draw.fake_labels))
    labels = map(torch.cat, zip(draw.labels, draw.fake_labels, strict=True))
    both = _at_least_fp32(D(torch.cat([draw.images, fake]), *labels))
    n = len(draw.images)
    return _map(both, lambda t: t[:n]), _map(both, lambda t: t[n:])


def _at_least_fp32(output: Any) -> Any:  # noqa: ANN401 (a tensor or a NamedTuple of tensors)
    """Losses are not taken in the half precision of autocast."""
    return _map(output, lambda t: t.to(torch.promote_types(t.dtype, torch.float32)))


def _map(output: Any, function: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401 (the same)
    """Applies a function to a tensor, or to each tensor of a NamedTuple."""
    return function(output) if isinstance(output, Tensor) else output._make(map(function, output))
