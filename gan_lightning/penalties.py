"""Penalties: terms that join the discriminator's loss, whatever objective and norm it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.draws import Draw
from gan_lightning.errors import UserError


class Penalty(ABC):
    """A term of the discriminator's loss.

    Attributes:
        per_image: Whether it means the discriminator as a function of single images, which one
            that couples the images of a batch (batch normalization) is not.
    """

    per_image = True

    @abstractmethod
    def __call__(self, discriminator: nn.Module, draw: Draw, fake: Tensor) -> Tensor:
        """The term, a scalar.

        Args:
            discriminator: ``(images, *labels) -> output``.
            draw: What this update looks at.
            fake: The generated images, ``(N, C, H, W)``, without gradient.
        """


def _weight(penalty: Penalty, weight: float) -> float:
    if not 0 <= weight < float("inf"):
        name = type(penalty).__name__
        raise UserError(f"of {name} must be a finite number >= 0, got {weight}", "weight")
    return weight


class gradient_penalty(Penalty):
    """``weight * E (|grad_x D(x_hat)|_2 - 1)^2`` (Gulrajani et al. 2017; SNGAN D.4).

    x_hat is uniform on the segment between a real and a generated image. With the Wasserstein loss
    it makes WGAN-GP, with the standard loss what SNGAN calls GAN-GP. A conditional discriminator
    is asked about the real image's class.

    Args:
        weight: lambda, >= 0; 10 in the papers.
    """

    def __init__(self, weight: float = 10.0) -> None:
        self.weight = _weight(self, weight)

    def __call__(self, discriminator: nn.Module, draw: Draw, fake: Tensor) -> Tensor:
        """Looks at one point of each segment."""
        mix = draw.mix[:, None, None, None]  # (N,) -> (N, 1, 1, 1)
        points = draw.images + mix * (fake - draw.images)
        norms: Tensor = input_gradients(discriminator, points, draw.labels).norm(dim=1)
        return self.weight * (norms - 1).square().mean()


class r1(Penalty):
    """``weight / 2 * E |grad_x D(x)|^2`` at real images (Mescheder et al. 2018, Eq. 9).

    Args:
        weight: gamma, >= 0; 10 in the paper.
    """

    def __init__(self, weight: float = 10.0) -> None:
        self.weight = _weight(self, weight)

    def __call__(self, discriminator: nn.Module, draw: Draw, fake: Tensor) -> Tensor:
        """Looks at the real images."""
        gradients = input_gradients(discriminator, draw.images, draw.labels)
        return self.weight / 2 * gradients.square().sum(1).mean()


def input_gradients(
    discriminator: nn.Module, images: Tensor, labels: tuple[Tensor, ...] = ()
) -> Tensor:
    """The gradient of D's logit with respect to each image, differentiable once more.

    Args:
        discriminator: ``(images, *labels) -> output``; of a NamedTuple the first tensor counts.
        images: ``(N, C, H, W)``.
        labels: int64 ``(N,)``, for a conditional discriminator.

    Returns:
        ``(N, C * H * W)``, float32 or more.
    """
    points = images.detach().requires_grad_()
    output: Any = discriminator(points, *labels)
    logits: Tensor = output if isinstance(output, Tensor) else output[0]
    (gradient,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
    return gradient.to(torch.promote_types(gradient.dtype, torch.float32)).flatten(1)
