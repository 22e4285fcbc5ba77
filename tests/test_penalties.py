"""Penalties against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.draws import Draw
from gan_lightning.errors import UserError
from gan_lightning.penalties import Penalty, gradient_penalty, input_gradients, r1

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


@pytest.mark.parametrize("kind", [gradient_penalty, r1])
@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(kind: type[Penalty], weight: float) -> None:
    name = kind.__name__
    with pytest.raises(UserError, match=f"weight of {name} must be a finite number >= 0"):
        kind(weight)  # type: ignore[call-arg]  # both take one


@pytest.mark.parametrize("kind", [gradient_penalty, r1])
def test_weights_are_10_by_default_and_may_be_0(
    kind: type[gradient_penalty] | type[r1],
) -> None:
    default, one = (made(linear(), *draw()).detach() for made in (kind(), kind(1.0)))
    torch.testing.assert_close(default, 10 * one)
    assert kind(0.0)(linear(), *draw()).item() == 0
