"""What every network of the project promises."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError

ImageShape = tuple[int, int, int]
"""``(channels, height, width)``."""

Network = TypeVar("Network", bound=nn.Module)


class Judgement(NamedTuple):
    """What a discriminator with a class head says of each image.

    Attributes:
        logits: Real or generated, ``(N, 1)``.
        class_loss: ``-log p(y | x)``, the cross-entropy of its class, ``(N,)``.
    """

    logits: Tensor
    class_loss: Tensor


class Coded(NamedTuple):
    """What an autoencoder says of each image.

    Attributes:
        energies: The error of its reconstruction, ``(N,)``.
        codes: ``(N, hidden)``.
    """

    energies: Tensor
    codes: Tensor


class Generator(nn.Module, ABC):
    """A network from latents, and classes if it knows any, to images.

    Attributes:
        image_shape: ``(channels, height, width)`` of the images it makes.
        latent_dim: Number of components of one latent.
        num_classes: How many classes it tells apart; None if it takes no labels. The same
            attribute says that a discriminator takes labels.
        value_range: Smallest and largest pixel value, that of the last activation.
    """

    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    num_classes: int | None = None

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int) -> None:
        super().__init__()
        if latent_dim < 1:
            raise UserError(f"must be >= 1, got {latent_dim}", "latent_dim")
        self.image_shape = image_shape
        self.latent_dim = latent_dim

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Makes images: ``forward(z)``, or ``forward(z, labels)`` where ``num_classes`` is set.

        ``z`` is ``(N, latent_dim)``, ``labels`` int64 ``(N,)``; images are
        ``(N, channels, height, width)``.
        """

    def latents(self, n: int, rng: np.random.Generator) -> Tensor:
        """Draws ``n`` latents from N(0, I): float32 ``(n, latent_dim)`` on the CPU."""
        return torch.from_numpy(rng.standard_normal((n, self.latent_dim), dtype=np.float32))


def require_classes(network: nn.Module, num_classes: int | None) -> int:
    """Returns the number of classes that a conditional network is built for.

    Raises:
        UserError: There are none.
    """
    name = type(network).__name__
    if num_classes is None:
        raise UserError(
            f"{name} needs classes, but the data have none. Choose labelled data (digits; a folder "
            "with its num_classes) or a network without classes"
        )
    if num_classes < 1:
        raise UserError(f"must be an integer >= 1, got {num_classes}", "num_classes")
    return num_classes


def build(
    make: Callable[[ImageShape], Network], image_shape: ImageShape, num_classes: int | None
) -> Network:
    """Makes a network; one whose constructor takes ``num_classes`` is given it.

    Args:
        make: Makes the network, given the image shape.
        image_shape: ``(channels, height, width)``.
        num_classes: Number of classes of the images, None without.
    """
    if num_classes is None or not _asks_for_classes(make):
        return make(image_shape)
    return make(image_shape, num_classes=num_classes)  # type: ignore[call-arg]  # it asks for them


def _asks_for_classes(make: Callable[[ImageShape], Network]) -> bool:
    """Whether ``num_classes`` is a parameter that has no value yet."""
    if isinstance(make, partial) and "num_classes" in make.keywords:
        # What the command line makes of a class, with all its options; it has no other signature.
        return make.keywords["num_classes"] is None
    parameter = inspect.signature(make).parameters.get("num_classes")
    return parameter is not None and parameter.default in (None, inspect.Parameter.empty)


def require_same_classes(generator: Generator, discriminator: nn.Module) -> None:
    """Compares the labels that two networks take.

    Raises:
        UserError: One takes classes that the other does not.
    """
    made, judged = generator.num_classes, getattr(discriminator, "num_classes", None)
    if made != judged:
        names = type(generator).__name__, type(discriminator).__name__
        says = ["takes no classes" if n is None else f"takes {n} classes" for n in (made, judged)]
        raise UserError(
            f"{names[0]} {says[0]}, but `discriminator` {names[1]} {says[1]}; choose two networks "
            "with the same classes, or two without",
            "generator",
        )
