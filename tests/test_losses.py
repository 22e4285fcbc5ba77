"""Objectives and both their gradients against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.losses import Objective, began, hinge, standard, wasserstein

REAL = [-2.0, 0.5, 1.0, 3.0]  # on both sides of hinge's corner, and on it
FAKE = [-3.0, -1.0, 0.25]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


Form = tuple[Callable[[float], float], Callable[[float], float]]

# loss and derivative in each real logit, in each fake one; then those of the generator
FORMS: dict[type[Objective], tuple[Form, Form, Form]] = {
    hinge: (
        (lambda x: max(0.0, 1 - x), lambda x: -1.0 if x < 1 else 0.0),
        (lambda x: max(0.0, 1 + x), lambda x: 1.0 if x > -1 else 0.0),
        (lambda x: -x, lambda x: -1.0),
    ),
    standard: (
        (lambda x: softplus(-x), lambda x: -sigmoid(-x)),
        (softplus, sigmoid),
        (lambda x: softplus(-x), lambda x: -sigmoid(-x)),
    ),
    wasserstein: (
        (lambda x: -x, lambda x: -1.0),
        (lambda x: x, lambda x: 1.0),
        (lambda x: -x, lambda x: -1.0),
    ),
}


@pytest.mark.parametrize("kind", FORMS)
def test_values_and_gradients(kind: type[Objective]) -> None:
    real, fake = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (REAL, FAKE))
    of_real, of_fake, of_generator = FORMS[kind]
    loss = kind().discriminator(real, fake)
    expected = sum(map(of_real[0], REAL)) / len(REAL) + sum(map(of_fake[0], FAKE)) / len(FAKE)
    assert loss.item() == pytest.approx(expected, abs=1e-14)
    gradients = torch.autograd.grad(loss, (real, fake))
    for got, values, form in zip(gradients, (REAL, FAKE), (of_real, of_fake), strict=True):
        wanted = [form[1](x) / len(values) for x in values]
        assert got.tolist() == pytest.approx(wanted, abs=1e-14)
    loss = kind().generator(fake)
    assert loss.item() == pytest.approx(sum(map(of_generator[0], FAKE)) / len(FAKE), abs=1e-14)
    (got,) = torch.autograd.grad(loss, fake)
    assert got.tolist() == pytest.approx([of_generator[1](x) / len(FAKE) for x in FAKE], abs=1e-14)


def energies() -> tuple[Tensor, Tensor]:
    return (
        torch.tensor([1.0, 3.0], dtype=torch.float64, requires_grad=True),
        torch.tensor([0.25, 0.5], dtype=torch.float64, requires_grad=True),
    )


def test_began_follows_its_recurrence() -> None:
    """K <- k + lambda (gamma E L(x) - E L(G(z))), and the loss uses k before it moves."""
    objective = began(diversity=0.7, step=0.1).double()
    real, fake = energies()
    k = 0.0
    for _ in range(4):
        loss = objective.discriminator(real, fake)
        assert loss.item() == pytest.approx(2 - k * 0.375, abs=1e-14)
        of_real, of_fake = torch.autograd.grad(loss, (real, fake))
        assert of_real.tolist() == pytest.approx([0.5, 0.5])
        assert of_fake.tolist() == pytest.approx([-k / 2, -k / 2])
        k += 0.1 * (0.7 * 2 - 0.375)
        assert objective.k.item() == pytest.approx(k, abs=1e-14)
    assert objective.generator(fake).item() == pytest.approx(0.375)
    assert objective.k.item() == pytest.approx(k, abs=1e-14)  # only the discriminator moves it


def test_began_keeps_k_between_0_and_1() -> None:
    real, fake = energies()
    objective = began(step=100.0).double()
    objective.discriminator(real, fake)
    assert objective.k.item() == 1
    objective.discriminator(fake, real)
    assert objective.k.item() == 0


def test_began_takes_the_papers_step_and_ratios_up_to_1() -> None:
    objective = began(diversity=1.0).double()
    assert objective.diversity == 1
    objective.discriminator(*energies())
    assert objective.k.item() == pytest.approx(0.001 * (1.0 * 2 - 0.375))
    assert began().diversity == 0.5


def test_began_saves_k() -> None:
    objective = began()
    assert isinstance(objective, nn.Module)
    assert list(objective.state_dict()) == ["k"]


@pytest.mark.parametrize(
    "options",
    [
        {"diversity": 0.0},
        {"diversity": 1.1},
        {"step": 0.0},
        {"step": float("nan")},
        {"step": float("inf")},
    ],
)
def test_began_refuses_what_makes_no_equilibrium(options: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(options))} must be"):
        began(**options)
