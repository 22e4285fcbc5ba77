"""What the updates of one iteration look at; all that is random in it is addressed by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lightning.networks import Generator
from gan_lightning.streams import stream


class Draw(NamedTuple):
    """What one discriminator update looks at; or several updates, with an axis before the others.

    Attributes:
        images: Real images, ``(N, C, H, W)``.
        latents: ``(N, latent_dim)``.
        mix: Uniform on [0, 1), ``(N,)``: where penalties look between real and generated images.
            Empty, ``(0,)``, where there are no penalties.
        labels: The real images' classes, int64 ``(N,)``; no tensor without classes, so that
            networks are called as ``D(images, *labels)`` with and without.
        fake_labels: The classes of the images to generate, likewise.
        views: How the real images are augmented, uniform on [0, 1), ``(N, numbers)``; no tensor
            without augmentation.
        fake_views: How the generated images are augmented, likewise.
    """

    images: Tensor
    latents: Tensor
    mix: Tensor
    labels: tuple[Tensor, ...] = ()
    fake_labels: tuple[Tensor, ...] = ()
    views: tuple[Tensor, ...] = ()
    fake_views: tuple[Tensor, ...] = ()

    def map(self, function: Callable[[Tensor], Tensor]) -> Draw:
        """Applies a function to every tensor."""
        return Draw(
            function(self.images),
            function(self.latents),
            function(self.mix),
            *(tuple(map(function, tensors)) for tensors in self[3:]),
        )

    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor, in a fixed order."""
        return (*self[:3], *chain(*self[3:]))

    def each(self) -> list[Draw]:
        """The draws of several updates, one by one."""
        # Ignored below: mypy knows no default of a lambda.
        return [self.map(lambda t, k=k: t[k]) for k in range(len(self.images))]  # type: ignore[misc]


class Own(NamedTuple):
    """What a generator update looks at that does not share the last discriminator update's draw.

    Attributes:
        latents: ``(M, latent_dim)``.
        labels: The classes of the images to generate, int64 ``(M,)``; no tensor without classes.
        views: How the generated images are augmented, ``(M, numbers)``; no tensor without.
    """

    latents: Tensor
    labels: tuple[Tensor, ...] = ()
    views: tuple[Tensor, ...] = ()

    def map(self, function: Callable[[Tensor], Tensor]) -> Own:
        """Applies a function to every tensor."""
        rest = (tuple(map(function, tensors)) for tensors in self[1:])
        return Own(function(self.latents), *rest)

    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor, in a fixed order."""
        return (self.latents, *self.labels, *self.views)


@dataclass(frozen=True)
class Drawing:
    """Draws what is random in an iteration: a function of (seed, iteration, rank).

    Args:
        generator: Says how latents are distributed, and how many classes there are.
        n_dis: Discriminator updates of an iteration.
        seed: The run's seed.
        rank: This process.
        mixed: Whether a penalty looks between real and generated images.
        own: Size of the generator update's own batch, or None where it shares the last draw.
        same_labels: Whether discriminator updates generate images of their real images' classes.
        numbers: Uniform numbers that augment an image.
    """

    generator: Generator
    n_dis: int
    seed: int
    rank: int
    mixed: bool = False
    own: int | None = None
    same_labels: bool = False
    numbers: int = 0

    def draws(self, iteration: int, images: Tensor, labels: Tensor | None) -> Draw:
        """Completes real images to the draws of an iteration.

        Args:
            iteration: Generator updates made before.
            images: ``(n_dis * N, C, H, W)``.
            labels: int64 ``(n_dis * N,)``, or None without classes.

        Returns:
            The draws of all updates, with n_dis as first axis.
        """
        n = len(images)
        known = () if labels is None or self.generator.num_classes is None else (labels,)
        drawn = known if self.same_labels else self._labels("labels", iteration, n)
        flat = Draw(
            images,
            self._latents("latents", iteration, n).to(images),
            self._mix(iteration, n).to(images),
            known,
            tuple(y.to(images.device) for y in drawn),
            tuple(v.to(images.device) for v in self._views("views", iteration, n)),
            tuple(v.to(images.device) for v in self._views("fake views", iteration, n)),
        )
        return flat.map(lambda tensor: tensor.unflatten(0, (self.n_dis, -1)))

    def own_draw(self, iteration: int, like: Tensor) -> Own | None:
        """The generator update's own latents, classes and views, if it has any.

        Args:
            iteration: Generator updates made before.
            like: A tensor of the device and type that latents shall have.
        """
        if self.own is None:
            return None
        latents = self._latents("generator latents", iteration, self.own).to(like)
        labels = self._labels("generator labels", iteration, self.own)
        views = self._views("generator views", iteration, self.own)
        others = (tuple(t.to(like.device) for t in tensors) for tensors in (labels, views))
        return Own(latents, *others)

    def _latents(self, name: str, iteration: int, n: int) -> Tensor:
        return self.generator.latents(n, stream(self.seed, name, iteration, self.rank))

    def _mix(self, iteration: int, n: int) -> Tensor:
        if not self.mixed:
            return torch.empty(0)
        return torch.from_numpy(stream(self.seed, "mix", iteration, self.rank).random(n))

    def _labels(self, name: str, iteration: int, n: int) -> tuple[Tensor, ...]:
        if self.generator.num_classes is None:
            return ()
        rng = stream(self.seed, name, iteration, self.rank)
        return (torch.from_numpy(rng.integers(0, self.generator.num_classes, n)),)

    def _views(self, name: str, iteration: int, n: int) -> tuple[Tensor, ...]:
        """Always in single precision: in half of it, whole numbers of pixels are not uniform."""
        if not self.numbers:
            return ()
        rng = stream(self.seed, name, iteration, self.rank)
        return (torch.from_numpy(rng.random((n, self.numbers), dtype=np.float32)),)
