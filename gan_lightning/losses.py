"""Objectives: what the discriminator and the generator minimize, as functions of logits."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch.nn.functional as F
from torch import Tensor


class Objective(ABC):
    """A pair of losses. Logits may have any shape; both methods return a scalar."""

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, given its logits of real and of generated images."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """The generator's loss, given the discriminator's logits of generated images."""


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
