"""Objectives and both their gradients against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.losses import (
    Objective,
    auxiliary,
    began,
    ebgan,
    hinge,
    similarity,
    standard,
    wasserstein,
)
from gan_lightning.networks import (
    AutoencoderDiscriminator,
    CNNGenerator,
    Coded,
    CodedAutoencoderDiscriminator,
    Judgement,
)
from tests.networks.made import AC, SHAPE, D, G

REAL = [-2.0, 0.5, 1.0, 3.0]  # on both sides of hinge's corner, and on it
FAKE = [-3.0, -1.0, 0.25, 2.0]


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
    ebgan: (
        (lambda x: x, lambda x: 1.0),
        (lambda x: max(0.0, 1 - x), lambda x: -1.0 if x < 1 else 0.0),
        (lambda x: x, lambda x: 1.0),
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


CODES = [[3.0, 0.0], [1.0, 1.0], [0.0, -2.0]]


def test_ebgan_stops_pushing_beyond_its_margin() -> None:
    objective = ebgan(margin=0.4)
    real, fake = energies()
    assert objective.discriminator(real, fake).item() == pytest.approx(2 + (0.4 - 0.25) / 2)
    assert objective.generator(fake).item() == pytest.approx(0.375)


def test_pulling_away_is_the_mean_squared_cosine_of_two_codes() -> None:
    codes = torch.tensor(CODES, dtype=torch.float64, requires_grad=True)
    terms = []
    for i, one in enumerate(CODES):
        for j, two in enumerate(CODES):
            if i != j:
                inner = sum(a * b for a, b in zip(one, two, strict=True))
                terms.append((inner / math.hypot(*one) / math.hypot(*two)) ** 2)
    expected = sum(terms) / len(terms)
    assert len(terms) == 6
    assert similarity(codes).item() == pytest.approx(expected, abs=1e-14)
    _, fake = energies()
    fake = torch.cat([fake, fake[:1]])
    loss = ebgan(pulling_away=0.1).generator(Coded(fake, codes))
    assert loss.item() == pytest.approx(1 / 3 + 0.1 * expected, abs=1e-14)
    assert ebgan().generator(Coded(fake, codes)).item() == pytest.approx(1 / 3)
    (gradient,) = torch.autograd.grad(loss, codes)
    assert gradient.abs().max() > 0
    assert (gradient * codes).sum(1).abs().max() < 1e-15  # lengths of codes do not matter


def test_pulling_away_of_special_codes() -> None:
    assert similarity(torch.eye(4)).item() == 0
    assert similarity(torch.ones(4, 3)).item() == pytest.approx(1)
    assert similarity(torch.ones(1, 3)).item() == 0
    assert similarity(torch.zeros(4, 3)).item() == 0


def test_only_the_generator_pulls_away() -> None:
    real, fake = energies()
    codes = torch.ones(2, 3)
    plain = ebgan(pulling_away=5.0).discriminator(Coded(real, codes), Coded(fake, codes))
    assert plain.item() == ebgan().discriminator(real, fake).item()


@pytest.mark.parametrize("over", [wasserstein(), hinge(), standard()])
def test_auxiliary_adds_the_cross_entropies(over: Objective) -> None:
    """Of real images to D's loss and of generated ones to G's, and to neither the other."""
    real, fake = (torch.tensor(v, dtype=torch.float64) for v in (REAL, FAKE))
    of_real = torch.tensor([0.5, 1.5, 0.25, 0.75], dtype=torch.float64, requires_grad=True)
    of_fake = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64, requires_grad=True)
    objective = auxiliary(over, real_weight=2.0, fake_weight=0.5)
    loss = objective.discriminator(Judgement(real, of_real), Judgement(fake, of_fake))
    assert loss.item() == pytest.approx(over.discriminator(real, fake).item() + 2 * 0.75)
    assert torch.autograd.grad(loss, of_fake, allow_unused=True)[0] is None
    loss = objective.generator(Judgement(fake, of_fake))
    assert loss.item() == pytest.approx(over.generator(fake).item() + 0.5 * 3)


def test_auxiliary_is_the_papers_by_default() -> None:
    objective = auxiliary()
    assert isinstance(objective.over, wasserstein)
    assert (objective.real_weight, objective.fake_weight) == (1.0, 0.1)


def test_auxiliary_saves_the_state_of_what_it_goes_over() -> None:
    assert list(auxiliary(began()).state_dict()) == ["over.k"]


@pytest.mark.parametrize(
    ("kind", "options", "least"),
    [
        (ebgan, {"margin": 0.0}, "> 0"),
        (ebgan, {"margin": float("inf")}, "> 0"),
        (ebgan, {"pulling_away": -0.1}, ">= 0"),
        (ebgan, {"pulling_away": float("nan")}, ">= 0"),
        (auxiliary, {"real_weight": -1.0}, ">= 0"),
        (auxiliary, {"fake_weight": float("nan")}, ">= 0"),
    ],
)
def test_weights_that_are_none_are_refused(
    kind: type[ebgan] | type[auxiliary], options: dict[str, float], least: str
) -> None:
    with pytest.raises(UserError, match=f"{next(iter(options))} must be a finite number {least}"):
        kind(**options)  # type: ignore[arg-type]  # the options of either


# ------------------------------------------------------------------- what discriminators return

AE = partial(AutoencoderDiscriminator, width=1, hidden=2)
CODED = partial(CodedAutoencoderDiscriminator, width=1, hidden=2)
NOT_UNDERSTOOD: list[tuple[object, Objective, str]] = [
    (AC, hinge(), r"hinge does not understand .*, which returns Judgement \(logits, class_loss\)"),
    (AC, began(), "began does not understand"),
    (AC, ebgan(), "ebgan does not understand .*AuxiliaryCNNDiscriminator"),
    (D, auxiliary(), "auxiliary .*ProjectionCNN.* returns Tensor without a class head"),
    (CODED, wasserstein(), r"Coded \(energies, codes\) where one tensor is wanted"),
    (CODED, began(), "began does not understand"),
    (AE, ebgan(pulling_away=0.1), "returns Tensor without codes, which pulling_away needs"),
    (AC, auxiliary(ebgan(pulling_away=1.0)), "without codes"),
]


@pytest.mark.parametrize(("network", "objective", "message"), NOT_UNDERSTOOD)
def test_what_an_objective_does_not_understand_is_refused(
    network: partial[nn.Module], objective: Objective, message: str
) -> None:
    conditional = network in (AC, D)
    generator = G if conditional else partial(CNNGenerator, latent_dim=4, width=1)
    with pytest.raises(UserError, match=f"^objective .*{message}"):
        GAN(SHAPE, generator, network, objective, num_classes=5 if conditional else None)


@pytest.mark.parametrize(
    ("network", "objective"),
    [
        (AC, auxiliary()),
        (AC, auxiliary(hinge())),
        (AE, began()),
        (AE, ebgan()),
        (CODED, ebgan()),
        (CODED, ebgan(pulling_away=0.1)),
    ],
)
def test_what_an_objective_understands_is_taken(
    network: partial[nn.Module], objective: Objective
) -> None:
    conditional = network is AC
    generator = G if conditional else partial(CNNGenerator, latent_dim=4, width=1)
    model = GAN(SHAPE, generator, network, objective, num_classes=5 if conditional else None)
    assert model.discriminator.training
