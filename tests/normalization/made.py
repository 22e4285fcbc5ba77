"""Small normalized layers and networks that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    bsn,
    bssn,
    normalize_,
    sn,
    sn_conv,
    ssn,
)
from tests.networks.made import lively

SHAPE = (3, 8, 8)
IMAGE = torch.zeros(1, *SHAPE)


def ids(norm: Normalization) -> str:
    return type(norm).__name__


def conv(norm: Normalization, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return normalize_(nn.Conv2d(3, 4, 3, padding=1).to(dtype), norm, IMAGE)


def used(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def discriminator(seed: int = 0, norm: Normalization | None = None) -> nn.Module:
    torch.manual_seed(seed)
    return normalize_(lively(CNNDiscriminator(SHAPE, width=4)), norm or bssn(1.2), IMAGE)


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv3": (lambda: nn.Conv2d(3, 5, 3, padding=1), (3, 6, 6)),
    "conv4 stride 2": (lambda: nn.Conv2d(4, 3, 4, stride=2, padding=1), (4, 6, 6)),
    "conv1": (lambda: nn.Conv2d(4, 6, 1), (4, 3, 3)),
    "conv of one channel": (lambda: nn.Conv2d(1, 4, 3, padding=1), (1, 5, 5)),
    "conv grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), (4, 5, 5)),
    "deconv4 stride 2": (lambda: nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1), (5, 3, 3)),
    "deconv5 odd": (
        lambda: nn.ConvTranspose2d(3, 4, 5, stride=2, padding=2, output_padding=1),
        (3, 3, 3),
    ),
    "deconv grouped": (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 3, 3)),
    "linear": (lambda: nn.Linear(7, 4), (7,)),
}


SPECTRAL: list[Normalization] = [sn(), ssn(1.7), bsn(), bssn(0.6), sn_conv(), sn_conv(1.75)]


def make(layer: str, norm: Normalization) -> nn.Module:
    torch.manual_seed(0)
    construct, shape = LAYERS[layer]
    plain = construct().double()
    with torch.no_grad():
        next(plain.parameters()).abs_()  # one large singular value: quick convergence
    return normalize_(plain, norm, torch.zeros(1, *shape))


def named(norm: Normalization) -> str:
    """With its options."""
    return "-".join(map(str, [type(norm).__name__, *vars(norm).values()]))


def largest(matrix: Tensor) -> float:
    return float(torch.linalg.svdvals(matrix)[0])


def operator_matrix(layer: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """The whole layer without bias, applied to every unit vector."""
    size = int(torch.tensor(input_shape).prod())
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *input_shape)
    with torch.no_grad():
        images: Tensor = layer(basis)
        zero: Tensor = layer(torch.zeros_like(basis[:1]))
        return (images - zero).flatten(1).t()


class Siamese(nn.Module):
    """One layer in two places, and one place in a list."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Linear(4, 4)
        self.body = nn.Sequential(shared, nn.ReLU(), shared)
        self.again = shared
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.again(self.body(x)))
        return out
