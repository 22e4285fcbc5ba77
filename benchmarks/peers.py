"""What others would write: loops and normalizations to measure the project's step against."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lightning.draws import Draw
from gan_lightning.losses import Objective
from gan_lightning.penalties import Penalty
from gan_lightning.players import Player


def plain_iteration(
    generator: Player,
    discriminator: Player,
    objective: Objective,
    penalties: Sequence[Penalty],
    draws: Draw,
) -> Tensor:
    """The textbook loop: separate passes, the generator run again for its own update."""
    G, D = generator.network, discriminator.network
    loss_d = draws.images.new_zeros(())
    for real, z in zip(draws.images, draws.latents, strict=True):
        loss_d = objective.discriminator(D(real), D(G(z).detach()))
        discriminator.update(loss_d)
    loss_g = objective.generator(D(G(draws.latents[-1])))
    generator.update(loss_g)
    return torch.stack([loss_d.detach(), loss_g.detach()])


class NaiveSpectralNorm(nn.Module):
    """W / mean of sigma over reshapings of W; power iteration and autograd at every forward."""

    def __init__(self, weight: Tensor, bidirectional: bool, scale: float) -> None:
        super().__init__()
        self.bidirectional = bidirectional and weight.ndim == 4
        self.scale = scale
        for k, matrix in enumerate(self.matrices(weight.detach())):
            self.register_buffer(f"u{k}", F.normalize(torch.randn(len(matrix)), dim=0))

    def matrices(self, weight: Tensor) -> list[Tensor]:
        """c_out rows, and c_in rows if bidirectional."""
        rows_out = weight.reshape(weight.shape[0], -1)
        if not self.bidirectional:
            return [rows_out]
        return [rows_out, weight.transpose(0, 1).reshape(weight.shape[1], -1)]

    def forward(self, weight: Tensor) -> Tensor:
        """The normalized weight."""
        sigmas = []
        for k, matrix in enumerate(self.matrices(weight)):
            u = getattr(self, f"u{k}")
            with torch.no_grad():
                v = F.normalize(matrix.t() @ u, dim=0, eps=1e-12)
                u.copy_(F.normalize(matrix @ v, dim=0, eps=1e-12))
            sigmas.append(torch.dot(u.clone(), matrix @ v))
        return self.scale * weight / (sum(sigmas, weight.new_zeros(())) / len(sigmas))


class naive:  # noqa: N801  (as the project's own)
    """BSSN, or SSN, as one would write it from the paper."""

    def __init__(self, bidirectional: bool = True, scale: float = 1.2) -> None:
        self.bidirectional = bidirectional
        self.scale = scale

    def __call__(self, layer: nn.Module) -> nn.Module:
        """Parametrizes the weight."""
        assert isinstance(layer.weight, Tensor)
        norm = NaiveSpectralNorm(layer.weight, self.bidirectional, self.scale)
        return parametrize.register_parametrization(layer, "weight", norm)


def stock(layer: nn.Module) -> nn.Module:
    """Torch's own spectral normalization."""
    return torch.nn.utils.parametrizations.spectral_norm(layer, eps=1e-12)
