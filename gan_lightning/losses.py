"""Objectives: what the discriminator and the generator minimize, as functions of D's output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.networks.base import Coded, Judgement


class Objective(ABC):
    """A pair of losses of what the discriminator says of each image.

    Both methods get what the discriminator returned, in float32 or more: a tensor of logits of any
    shape (or of energies, which are logits of another sign), or a NamedTuple of such tensors. Both
    return a scalar.

    An objective with a state of its own is an ``nn.Module`` as well, with buffers that it updates
    in place in `discriminator`, without reading them to the host. They are saved with the model,
    and under several processes averaged after each discriminator update.

    Attributes:
        reuses_labels: Whether a discriminator update generates images of the classes of its real
            images, in place of classes drawn uniformly.
    """

    reuses_labels: ClassVar[bool] = False

    def lacks(self, output: Any) -> str | None:  # noqa: ANN401 (a tensor or a NamedTuple of them)
        """What is wrong with what a discriminator returns, after "returns", or None.

        By default an objective takes one tensor; one that takes more says here what.
        """
        return None if isinstance(output, Tensor) else "where one tensor is wanted"

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, given its output for real and for generated images."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """The generator's loss, given the discriminator's output for generated images."""


def require_understood(
    objective: Objective,
    discriminator: nn.Module,
    output: Any,  # noqa: ANN401 (as above)
) -> None:
    """Looks whether an objective takes what a discriminator returned.

    Raises:
        UserError: It does not.
    """
    lack = objective.lacks(output)
    if lack is not None:
        fields = ", ".join(getattr(output, "_fields", ()))
        raise UserError(
            f"{type(objective).__name__} does not understand `discriminator` "
            f"{type(discriminator).__name__}, which returns {type(output).__name__}"
            f"{f' ({fields})' if fields else ''} {lack}; choose another of the two",
            "objective",
        )


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


class ebgan(Objective):
    """Energy-based GAN (Zhao et al. 2017, Eq. 1 and 2), on energies of an autoencoder.

    ``L_D = E L(x) + E max(0, margin - L(G(z)))`` and ``L_G = E L(G(z))``, with the pulling-away
    term (Eq. 4) if it has a weight, which keeps the codes of generated images apart.

    The paper's energies are Euclidean norms of whole images (margin 10 on MNIST); those of
    `AutoencoderDiscriminator` are means over pixels, of squares with ``power 2``, at most 1 where
    pixels go from 0 to 1 and 4 where they go from -1 to 1: the margin is in these units.

    Args:
        margin: The energy m, > 0, above which generated images are no longer pushed.
        pulling_away: Weight of the pulling-away term, >= 0; 0.1 in the paper where it is used. It
            needs a discriminator that returns codes: `CodedAutoencoderDiscriminator`.
    """

    def __init__(self, margin: float = 1.0, pulling_away: float = 0.0) -> None:
        self.margin = _finite("margin", margin, above=0)
        self.pulling_away = _finite("pulling_away", pulling_away)

    def lacks(self, output: Any) -> str | None:  # noqa: ANN401 (as above)
        """Codes, where they are to be pulled away from each other."""
        if isinstance(output, Tensor):
            return "without codes, which pulling_away needs" if self.pulling_away else None
        return None if hasattr(output, "codes") else "where energies and codes are wanted"

    def discriminator(self, real: Tensor | Coded, fake: Tensor | Coded) -> Tensor:
        """E L(x) + E max(0, m - L(G(z)))."""
        return _energies(real).mean() + F.relu(self.margin - _energies(fake)).mean()

    def generator(self, fake: Tensor | Coded) -> Tensor:
        """E L(G(z)), and the pulling-away term."""
        loss = _energies(fake).mean()
        if isinstance(fake, Tensor) or not self.pulling_away:
            return loss
        return loss + self.pulling_away * similarity(fake.codes)


def _energies(output: Tensor | Coded) -> Tensor:
    return output if isinstance(output, Tensor) else output.energies


def similarity(codes: Tensor) -> Tensor:
    """The mean squared cosine between the codes of two images (Zhao et al. 2017, Eq. 4).

    Args:
        codes: ``(N, ...)``; those of this process alone, where there are several.

    Returns:
        0 where all are orthogonal, and for a single image.

    >>> import torch
    >>> similarity(torch.tensor([[3.0, 0.0], [0.0, 1.0], [5.0, 0.0]])).item()  # one pair of three
    0.3333333432674408
    """
    n = len(codes)
    directions = F.normalize(codes.flatten(1), dim=1)
    squares = (directions @ directions.t()).square()
    return (squares.sum() - squares.diagonal().sum()) / max(1, n * (n - 1))


class auxiliary(Objective, nn.Module):
    """An auxiliary classifier beside another objective (Odena et al. 2017; SNGAN Table 8).

    ``L_D = over.L_D + real_weight * CE(real)`` and ``L_G = over.L_G + fake_weight * CE(fake)``,
    where CE is the cross-entropy of the discriminator's class head. The discriminator learns
    classes from real images alone, and its updates generate images of the real images' classes
    (code of Gulrajani et al. 2017); classes of a generator batch of its own size are drawn
    uniformly, as there.

    Args:
        over: The objective on the logits; SNGAN trains with the Wasserstein loss and a gradient
            penalty of 10.
        real_weight: Weight of the real images' cross-entropy, >= 0.
        fake_weight: Weight of the generated images' cross-entropy, >= 0.
    """

    reuses_labels = True

    def __init__(
        self,
        over: Objective = wasserstein(),
        real_weight: float = 1.0,
        fake_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.over = over  # a module, and saved, if it has a state
        self.real_weight = _finite("real_weight", real_weight)
        self.fake_weight = _finite("fake_weight", fake_weight)

    def lacks(self, output: Any) -> str | None:  # noqa: ANN401 (as above)
        """A class head."""
        if not hasattr(output, "class_loss"):
            return "without a class head, which AuxiliaryCNNDiscriminator has"
        return self.over.lacks(output.logits)

    # Ignored below: this objective judges classes, too.
    def discriminator(self, real: Judgement, fake: Judgement) -> Tensor:  # type: ignore[override]
        """The other objective's, plus the cross-entropy of real images."""
        loss = self.over.discriminator(real.logits, fake.logits)
        return loss + self.real_weight * real.class_loss.mean()

    def generator(self, fake: Judgement) -> Tensor:  # type: ignore[override]  # more than logits
        """The other objective's, plus the cross-entropy of generated images."""
        return self.over.generator(fake.logits) + self.fake_weight * fake.class_loss.mean()


def _finite(name: str, value: float, above: float | None = None) -> float:
    least = f"> {above}" if above is not None else ">= 0"
    if not (0 <= value < float("inf")) or value == above:
        raise UserError(f"must be a finite number {least}, got {value}", name)
    return value
