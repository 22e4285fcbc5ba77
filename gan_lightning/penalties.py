"""Penalties: terms that join the discriminator's loss, whatever objective and norm it has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.draws import Draw
from gan_lightning.errors import UserError
from gan_lightning.normalization import LAYERS, rows_out
from gan_lightning.normalization.shared import parameter_of, without_autocast


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


class orthonormal(Penalty):
    """``weight * sum over layers of ||W^T W - I||_F^2`` (Brock et al. 2016; SNGAN Eq. 14).

    W is a layer's c_out x (c_in k_h k_w) matrix. Where it is wider than high, W^T W cannot be I;
    taken on the smaller side, ``||W W^T - I||_F^2`` is less by the constant number of columns that
    are too many, has the same gradient, costs less, and is 0 for orthonormal rows. (SNGAN's code
    has no such penalty; that of Brock et al. adds up absolute values, over single taps of kernels.)

    W is the trained parameter, not what a norm makes of it: so the least value can be reached under
    every norm, where W / ||W||_F and 1.4 W / s(W) are never orthonormal. All layers count, biases
    do not. SNGAN starts from orthogonal weights too: initialization ``orthogonal``.

    Args:
        weight: The factor, >= 0; 1 as in SNGAN's equation.
    """

    per_image = False

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = _weight(self, weight)
        self._of: nn.Module | None = None
        self._layers: list[nn.Module] = []

    def __call__(self, discriminator: nn.Module, draw: Draw, fake: Tensor) -> Tensor:
        """Looks at the weights alone."""
        if self._of is not discriminator:  # looked up once
            self._of = discriminator
            self._layers = [m for m in discriminator.modules() if isinstance(m, LAYERS)]
        total = draw.images.new_zeros((), dtype=torch.float32)
        for layer in self._layers:
            total = total + not_orthonormal(layer)
        return self.weight * total


def not_orthonormal(layer: nn.Module) -> Tensor:
    """How far a layer's matrix W is from orthonormal, on its smaller side: ``||W W^T - I||_F^2``.

    Args:
        layer: One of `LAYERS`.
    """
    weight = parameter_of(layer)
    with without_autocast(weight):
        matrix = rows_out(layer).matrix(weight)
        if matrix.shape[0] > matrix.shape[1]:
            matrix = matrix.t()
        identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        return torch.addmm(identity, matrix, matrix.t(), beta=-1).square().sum()


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
