"""The two networks as they start: built, initialized, normalized, and found to fit together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import nn

from gan_lightning.combinations import require_single_images
from gan_lightning.errors import from_argument
from gan_lightning.images import evaluating
from gan_lightning.initialization import Initialization, initialize_
from gan_lightning.losses import Objective, require_understood
from gan_lightning.networks import Generator
from gan_lightning.networks.base import ImageShape, build, require_same_classes
from gan_lightning.normalization import Norm, normalize_
from gan_lightning.penalties import Penalty
from gan_lightning.players import declares_coupling

Network = TypeVar("Network", bound=nn.Module)


class NetworkRecipe(NamedTuple, Generic[Network]):
    """How one of the networks is made.

    Attributes:
        make: Makes it, given the image shape.
        initialization: Draws its first weights, if it does not do so itself.
        norm: Normalizes each of its layers.
    """

    make: Callable[[ImageShape], Network]
    initialization: Initialization | None
    norm: Norm


def build_networks(
    image_shape: ImageShape,
    num_classes: int | None,
    for_generator: NetworkRecipe[Generator],
    for_discriminator: NetworkRecipe[nn.Module],
    objective: Objective,
    penalties: Sequence[Penalty],
) -> tuple[Generator, nn.Module]:
    """Makes a generator and a discriminator.

    Args:
        image_shape: ``(channels, height, width)``.
        num_classes: Number of classes of the images, None without.
        for_generator: How the generator is made.
        for_discriminator: How the discriminator is made.
        objective: Has to understand what the discriminator returns.
        penalties: Have to make sense for it.

    Returns:
        Both, in channels_last: a GPU and a CPU convolve faster in it, to the same numbers.

    Raises:
        UserError: One of them cannot be made, or they do not fit together.
    """
    with from_argument("generator"):
        generator = build(for_generator.make, image_shape, num_classes)
    with from_argument("discriminator"):
        discriminator = build(for_discriminator.make, image_shape, num_classes)
    require_same_classes(generator, discriminator)
    initialize_(generator, for_generator.initialization)
    initialize_(discriminator, for_discriminator.initialization)
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)
    labels = () if generator.num_classes is None else (torch.zeros(1, dtype=torch.int64),)
    images = torch.zeros(1, *image_shape)
    normalize_(generator, for_generator.norm, torch.zeros(1, generator.latent_dim), *labels)
    normalize_(discriminator, for_discriminator.norm, images, *labels)
    require_single_images(declares_coupling(discriminator), penalties)
    with torch.no_grad(), torch.random.fork_rng([]), evaluating(discriminator):
        output: Any = discriminator(images, *labels)
    require_understood(objective, discriminator, output)
    return generator, discriminator
