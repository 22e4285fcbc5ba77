"""Penalties against closed forms."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.draws import Draw
from gan_lightning.errors import UserError
from gan_lightning.initialization import initialize_, orthogonal
from gan_lightning.networks import CNNDiscriminator, ProjectionCNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    bn,
    frobenius,
    gamma,
    none,
    normalize_,
    ssn,
    wn,
)
from gan_lightning.penalties import (
    Penalty,
    gradient_penalty,
    input_gradients,
    not_orthonormal,
    orthonormal,
    r1,
)

N, SHAPE = 5, (2, 3, 3)


def draw() -> tuple[Draw, Tensor]:
    torch.manual_seed(0)
    images, fake = (torch.randn(N, *SHAPE, dtype=torch.float64) for _ in range(2))
    return Draw(images, torch.empty(N, 0), torch.rand(N, dtype=torch.float64)), fake


def linear() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(18, 1)).double()


def test_of_a_linear_critic() -> None:
    """Its slope is w everywhere: lambda (|w| - 1)^2, and gamma / 2 |w|^2."""
    critic = linear()
    w = next(critic.parameters()).detach().norm()
    torch.testing.assert_close(gradient_penalty(7.0)(critic, *draw()).detach(), 7 * (w - 1) ** 2)
    torch.testing.assert_close(r1(7.0)(critic, *draw()).detach(), 3.5 * w**2)


class Quadratic(nn.Module):
    """D(x) = a |x|^2 / 2, whose slope at x is a x; with a second output that does not count."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        value = self.a / 2 * x.flatten(1).square().sum(1)
        return value, 100 * value


def test_of_a_quadratic_critic_at_the_points_between() -> None:
    critic = Quadratic()
    look, fake = draw()
    mix = look.mix[:, None, None, None]
    between = (1 - mix) * look.images + mix * fake
    slopes = 1.5 * between.flatten(1).norm(dim=1)
    got = gradient_penalty(2.0)(critic, look, fake)
    torch.testing.assert_close(got.detach(), 2 * (slopes - 1).square().mean())
    (derivative,) = torch.autograd.grad(got, critic.a)  # through the gradient
    expected = (4 * (slopes - 1) * slopes / 1.5).mean()
    torch.testing.assert_close(derivative, expected)
    torch.testing.assert_close(
        r1(2.0)(critic, look, fake).detach(), 1.5**2 * look.images.flatten(1).square().sum(1).mean()
    )


def test_the_ends_of_the_segment() -> None:
    critic = Quadratic()
    look, fake = draw()
    for mix, end in ((0.0, look.images), (1.0, fake)):
        at = look._replace(mix=torch.full((N,), mix, dtype=torch.float64))
        slopes = 1.5 * end.flatten(1).norm(dim=1)
        got = gradient_penalty(1.0)(critic, at, fake).detach()
        torch.testing.assert_close(got, (slopes - 1).square().mean())


def test_half_precision_slopes_are_measured_in_full() -> None:
    critic = linear().bfloat16()
    images = torch.randn(N, *SHAPE, dtype=torch.bfloat16)
    assert input_gradients(critic, images).dtype == torch.float32


@pytest.mark.parametrize("kind", [gradient_penalty, r1, orthonormal])
@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(kind: type[Penalty], weight: float) -> None:
    name = kind.__name__
    with pytest.raises(UserError, match=f"weight of {name} must be a finite number >= 0"):
        kind(weight)  # type: ignore[call-arg]  # all take one


@pytest.mark.parametrize("kind", [gradient_penalty, r1])
def test_weights_are_10_by_default_and_may_be_0(
    kind: type[gradient_penalty] | type[r1],
) -> None:
    default, one = (made(linear(), *draw()).detach() for made in (kind(), kind(1.0)))
    torch.testing.assert_close(default, 10 * one)
    assert kind(0.0)(linear(), *draw()).item() == 0


LAYERS: dict[str, nn.Module] = {
    "wide": nn.Linear(5, 3),
    "high": nn.Linear(3, 5),
    "square": nn.Linear(4, 4),
    "conv": nn.Conv2d(2, 4, 3),
    "high conv": nn.Conv2d(1, 12, 3),
    "deconv": nn.ConvTranspose2d(3, 2, 4),
    "embedding": nn.Embedding(3, 6),
    "of groups": nn.Conv2d(4, 4, 3, groups=2),
}


def papers_matrix(layer: nn.Module) -> Tensor:
    """C_out x (c_in k_h k_w), in the textbook's order."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    rows_first = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
    return rows_first.flatten(1)


@pytest.mark.parametrize("name", LAYERS)
def test_orthonormal_is_the_papers_equation_up_to_a_constant(name: str) -> None:
    """SNGAN Eq. 14, ``||W^T W - I||_F^2``, with its gradient; less the columns that are too many.

    And by singular values: sum (s^2 - 1)^2.
    """
    torch.manual_seed(0)
    layer = copy.deepcopy(LAYERS[name]).double()
    (parameter,) = [p for p in layer.parameters() if p.ndim > 1]
    nn.init.normal_(parameter)
    mine = not_orthonormal(layer)
    W = papers_matrix(layer)
    rows, columns = W.shape
    paper = (W.t() @ W - torch.eye(columns, dtype=W.dtype)).square().sum()
    torch.testing.assert_close(mine, paper - max(0, columns - rows))
    values = torch.linalg.svdvals(W)
    torch.testing.assert_close(mine, (values.square() - 1).square().sum())
    gradients = [torch.autograd.grad(value, parameter)[0] for value in (mine, paper)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("norm", [none(), ssn(1.4), wn(), frobenius(), gamma(), bn()])
def test_orthonormal_is_zero_on_orthonormal_weights_under_every_norm(norm: Normalization) -> None:
    """And only there; every layer counts, each once."""
    torch.manual_seed(0)
    network = CNNDiscriminator((3, 8, 8), width=2).double()
    initialize_(network, orthogonal())
    normalize_(network, norm, torch.zeros(1, 3, 8, 8))
    penalty = orthonormal(0.5)
    assert penalty(network, *draw()).item() < 1e-25
    weights = [p for p in network.parameters() if p.ndim > 1]
    assert len(weights) == 8
    for weight in weights:
        with torch.no_grad():
            weight.mul_(2**0.5)  # s^2 - 1 = 1 in each of min(m, n) directions
        smaller = min(len(weight), weight[0].numel())
        torch.testing.assert_close(
            penalty(network, *draw()).detach(), torch.tensor(0.5 * smaller, dtype=torch.float64)
        )
        with torch.no_grad():
            weight.div_(2**0.5)


def test_orthonormal_counts_embeddings_and_looks_at_each_discriminator() -> None:
    torch.manual_seed(0)
    penalty = orthonormal()
    networks = [ProjectionCNNDiscriminator((3, 8, 8), 3, width=w).double() for w in (1, 2)]
    values = [penalty(network, *draw()).item() for network in (*networks, networks[0])]
    assert values[0] == values[2] != values[1]
    with torch.no_grad():
        networks[0].embed.weight.mul_(1.1)
    assert penalty(networks[0], *draw()).item() != values[0]


def test_orthonormal_looks_a_network_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[nn.Module] = []
    modules = nn.Module.modules

    def noting(network: nn.Module) -> Iterator[nn.Module]:
        looks.append(network)
        return modules(network)

    monkeypatch.setattr(nn.Module, "modules", noting)
    penalty, network = orthonormal(), linear()
    for _ in range(3):
        penalty(network, *draw())
    assert looks == [network]


def test_orthonormal_is_weighed_by_1_and_in_full_precision_by_default() -> None:
    network = nn.Sequential(*(nn.Linear(3, 2) for _ in range(3)))
    expected = sum(not_orthonormal(layer) for layer in network)
    half = Draw(torch.zeros(1, 3, dtype=torch.bfloat16), torch.zeros(1, 1), torch.empty(0))
    found = orthonormal()(network, half, half.images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_orthonormal_stays_in_full_precision_under_autocast() -> None:
    layer = nn.Linear(64, 64)
    initialize_(layer, orthogonal())
    with torch.autocast("cpu", torch.bfloat16):
        assert not_orthonormal(layer) < 1e-9
