"""Objectives: what the discriminator and the generator minimize, as functions of D's output."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError


class Objective(ABC):
    """A pair of losses of what the discriminator says of each image.

    Both methods get what the discriminator returned, in float32 or more: a tensor of logits of any
    shape (or of energies, which are logits of another sign), or a NamedTuple of such tensors. Both
    return a scalar.

    An objective with a state of its own is an ``nn.Module`` as well, with buffers that it updates
    in place in `discriminator`, without reading them to the host. They are saved with the model,
    and under several processes averaged after each discriminator update.
    """

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, given its output for real and for generated images."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """The generator's loss, given the discriminator's output for generated images."""


class hinge(Objective):
    """Hinge loss, the default of both papers' main results (SNGAN Eq. 16 and 17).

    >>> import torch
    >>> hinge().discriminator(torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 0.0])).item()
    1.0
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -fake.mean()


class standard(Objective):
    """The original loss with the non-saturating generator (Goodfellow et al. 2014; SNGAN Eq. 15).

    >>> import torch
    >>> round(standard().generator(torch.zeros(3)).item(), 4)  # log 2
    0.6931
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E softplus(-D(x)) + E softplus(D(G(z)))."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """E softplus(-D(G(z)))."""
        return F.softplus(-fake).mean()


class wasserstein(Objective):
    """The Wasserstein critic (Arjovsky et al. 2017); needs a Lipschitz constraint on D.

    >>> import torch
    >>> wasserstein().discriminator(torch.tensor([3.0]), torch.tensor([1.0])).item()
    -2.0
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E D(G(z)) - E D(x)."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-E D(G(z))."""
        return -fake.mean()


class began(Objective, nn.Module):
    """Boundary equilibrium (Berthelot et al. 2017, section 3.4), on energies of an autoencoder.

    ``L_D = E L(x) - k E L(G(z))`` and ``L_G = E L(G(z))``, where L is the error of reconstruction
    and k, from 0 in [0, 1], keeps ``E L(G(z))`` near ``diversity * E L(x)``. The paper's step of k
    uses the energies of both updates; here it uses those of the discriminator update, which sees
    the same generated images.

    Args:
        diversity: The ratio gamma in (0, 1]; lower values make better and fewer kinds of images.
        step: The rate lambda_k of k, > 0; 0.001 in the paper.

    Attributes:
        k: Buffer, the weight of generated images in the discriminator's loss.
    """

    k: Tensor

    def __init__(self, diversity: float = 0.5, step: float = 0.001) -> None:
        super().__init__()
        if not 0 < diversity <= 1:
            raise UserError(f"must be > 0 and at most 1, got {diversity}", "diversity")
        if not 0 < step < float("inf"):
            raise UserError(f"must be a finite number > 0, got {step}", "step")
        self.diversity = diversity
        self.step = step
        self.register_buffer("k", torch.zeros(()))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E L(x) - k E L(G(z)); then k moves towards the equilibrium."""
        real, fake = real.mean(), fake.mean()
        loss = real - self.k.clone() * fake  # k itself is about to change
        with torch.no_grad():
            self.k.add_(self.step * (self.diversity * real - fake)).clamp_(0, 1)
        return loss

    def generator(self, fake: Tensor) -> Tensor:
        """E L(G(z))."""
        return fake.mean()
