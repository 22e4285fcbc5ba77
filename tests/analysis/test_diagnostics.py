"""Each question about a discriminator, answered by hand on networks of a few weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.analysis import (
    Diagnostic,
    View,
    diversity,
    gradient_norm,
    input_gradient_norm,
    loss_slope,
    norm_ratio,
    output,
    spectra,
    spectral_norm_conv,
    spectral_norm_in,
    spectral_norm_out,
    variance,
)
from gan_lightning.draws import Draw
from gan_lightning.losses import Objective, hinge, wasserstein
from gan_lightning.normalization import Norm, none, normalize_, sn, ssn
from gan_lightning.penalties import Penalty, gradient_penalty
from gan_lightning.players import Player

EVERY: tuple[type[Diagnostic], ...] = (
    *(gradient_norm, variance, spectral_norm_out, spectral_norm_in, spectral_norm_conv),
    *(norm_ratio, spectra, input_gradient_norm, output, loss_slope, diversity),
)


class Always(nn.Module):
    """Makes the same images of all latents."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        return self.images


class Halved(nn.Module):
    """D(x) = |x|^2 / 2, whose gradient is x."""

    def forward(self, images: Tensor) -> Tensor:
        return images.square().flatten(1).sum(1) / 2


class OfItsClass(nn.Module):
    """D(x, y) = y (sum of x), whose gradient is y everywhere."""

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return labels * images.flatten(1).sum(1)


def view(
    network: nn.Module,
    real: Tensor,
    fake: Tensor,
    mix: float = 0.25,
    labels: tuple[Tensor, Tensor] | None = None,
    objective: Objective = wasserstein(),
    penalties: tuple[Penalty, ...] = (),
    held_out: Tensor | None = None,
    see: Callable[..., Tensor] = lambda images, *views: images,
) -> View:
    own, others = ((labels[0],), (labels[1],)) if labels else ((), ())
    draw = Draw(real, torch.zeros(len(real), 1), torch.full((len(real),), mix), own, others)
    more = None if held_out is None else Draw(held_out, torch.empty(0), torch.empty(0), own)
    player = Player(network, lambda loss: None)
    return View(Always(fake), player, objective, penalties, lambda: draw, lambda: more, see)


def images(*rows: tuple[float, ...]) -> Tensor:
    """One image a row, of height 1."""
    return torch.tensor(rows)[:, None, None, :]


def numbers(answer: Any) -> dict[str, float]:  # noqa: ANN401  (a mapping of tensors)
    return {name: value.item() for name, value in answer.items()}


def convolutional(norm: Norm) -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 3, 3, 2, padding=1), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(27, 1)
    network = nn.Sequential(*layers)
    normalize_(network, norm, torch.zeros(1, 2, 6, 6))
    return network


def weight(network: nn.Sequential, place: int) -> Tensor:
    """The weight that is used."""
    found = network[place].weight
    assert isinstance(found, Tensor)
    return found


def noise(n: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(n, 2, 6, 6, generator=torch.Generator().manual_seed(seed))


def test_the_gradient_norm_of_a_linear_critic_is_the_distance_of_the_means() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
    looked = view(critic, images((1.0, 0.0), (3.0, 0.0)), images((5.0, 4.0), (5.0, 4.0)))
    assert numbers(gradient_norm()(looked)) == pytest.approx({"1": 5.0, "total": 5.0})


def test_the_total_gradient_norm_is_that_of_all_layers() -> None:
    found = numbers(gradient_norm()(view(convolutional(none()), noise(), noise(seed=1))))
    assert found.keys() == {"0", "3", "total"}
    assert found["total"] == pytest.approx(math.hypot(found["0"], found["3"]))


def test_penalties_are_part_of_the_loss_whose_gradient_it_is() -> None:
    """Lambda (|w| - 1)^2 has the gradient 2 lambda (|w| - 1) w / |w|; the means are the same."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
    with torch.no_grad():
        weight(critic, 1).copy_(torch.tensor([[3.0, 4.0]]))
    same = images((1.0, 2.0))
    assert numbers(gradient_norm()(view(critic, same, same)))["total"] == 0
    penalized = view(critic, same, same, penalties=(gradient_penalty(10.0),))
    assert numbers(gradient_norm()(penalized))["total"] == pytest.approx(2 * 10 * (5 - 1))


def test_the_gradient_is_of_what_the_discriminator_is_shown() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
    shown = view(critic, images((1.0, 0.0)), images((4.0, 4.0)), see=lambda x: 2 * x)
    assert numbers(gradient_norm()(shown))["total"] == pytest.approx(10.0)


def test_the_product_of_variances_is_that_of_all_layers() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.Linear(2, 1))
    with torch.no_grad():
        weight(network, 1).copy_(torch.tensor([[4.0, 0.0], [0.0, 0.0]]))
        weight(network, 2).copy_(torch.tensor([[1.0, 5.0]]))
    found = numbers(variance()(view(network, images((0.0, 0.0)), images((0.0, 0.0)))))
    assert found == {"1": 3.0, "2": 4.0, "product": 12.0}


def test_spectral_norms_are_those_of_both_reshaped_kernels() -> None:
    network = convolutional(none())
    looked = view(network, noise(), noise())
    kernel, matrix = weight(network, 0).double(), weight(network, 3).double()
    norm = torch.linalg.matrix_norm
    out, inwards = norm(kernel.flatten(1), 2), norm(kernel.transpose(0, 1).flatten(1), 2)
    line = norm(matrix, 2).item()
    expected = {"0": out.item(), "3": line}
    assert numbers(spectral_norm_out()(looked)) == pytest.approx(expected)
    expected = {"0": inwards.item(), "3": line}
    assert numbers(spectral_norm_in()(looked)) == pytest.approx(expected)
    assert out != inwards


def test_of_normalized_layers_it_is_the_scale_that_is_used() -> None:
    network = convolutional(ssn(1.7))
    found = numbers(spectral_norm_out()(view(network, noise(), noise())))
    assert found == pytest.approx({"0": 1.7, "3": 1.7}, rel=1e-3)


def test_convolutions_alone_have_a_norm_as_operators() -> None:
    """The largest singular value of the matrix whose columns are the images of single pixels."""
    network = convolutional(none())
    looked = view(network, noise(), noise())
    pixels = torch.eye(72).reshape(72, 2, 6, 6)
    matrix = nn.functional.conv2d(pixels, weight(network, 0), stride=2, padding=1).flatten(1)
    expected = torch.linalg.matrix_norm(matrix.detach().double(), 2).item()
    assert numbers(spectral_norm_conv()(looked)) == pytest.approx({"0": expected}, rel=1e-4)
    ratio = expected / numbers(spectral_norm_out()(looked))["0"]
    assert numbers(norm_ratio()(looked)) == pytest.approx({"0": ratio}, rel=1e-4)


def test_the_ratio_of_norms_does_not_depend_on_the_scale() -> None:
    ratios = []
    for factor in (1.0, 5.0):
        network = convolutional(none())
        with torch.no_grad():
            weight(network, 0).mul_(factor)
        ratios.append(numbers(norm_ratio()(view(network, noise(), noise())))["0"])
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)


def test_spectra_are_all_squared_singular_values_largest_first() -> None:
    network = convolutional(none())
    found = spectra()(view(network, noise(), noise()))
    assert spectra.vectors == "squared_singular_values"
    for place in (0, 3):
        values = torch.linalg.svdvals(weight(network, place).detach().double().flatten(1))
        torch.testing.assert_close(found[str(place)], values.square())


def test_the_input_gradient_is_taken_at_real_and_fake_images_and_between() -> None:
    """Of |x|^2 / 2 it is x: norms 5 and 13, and at a quarter of the way (3 + 1/2, 4 + 2)."""
    looked = view(Halved(), images((3.0, 4.0), (3.0, 4.0)), images((5.0, 12.0), (5.0, 12.0)))
    expected = {"real": 5.0, "fake": 13.0, "between": math.hypot(3.5, 6.0)}
    assert numbers(input_gradient_norm()(looked)) == pytest.approx(expected)


def test_the_input_gradient_is_the_mean_of_norms() -> None:
    looked = view(Halved(), images((3.0, 4.0), (-3.0, -4.0)), images((0.0, 0.0), (0.0, 2.0)), mix=0)
    expected = {"real": 5.0, "fake": 1.0, "between": 5.0}
    assert numbers(input_gradient_norm()(looked)) == pytest.approx(expected)


def test_images_are_judged_by_their_own_classes() -> None:
    labels = torch.tensor([1, 3]), torch.tensor([5, 7])
    looked = view(
        OfItsClass(),
        images((1.0,), (1.0,)),
        images((2.0,), (2.0,)),
        labels=labels,
        held_out=images((10.0,), (20.0,)),
    )
    gradients = {"real": 2.0, "fake": 6.0, "between": 2.0}
    assert numbers(input_gradient_norm()(looked)) == pytest.approx(gradients)
    assert numbers(output()(looked)) == {"real": 2.0, "fake": 12.0, "held_out": (10 + 60) / 2}


def test_outputs_are_means_of_images_as_they_are() -> None:
    """Not as training augments them; of held-out images only where there are some."""
    looked = view(Halved(), images((2.0,), (4.0,)), images((1.0,)), see=lambda x: 100 * x)
    assert numbers(output()(looked)) == {"real": (2 + 8) / 2, "fake": 0.5}
    looked = view(Halved(), images((2.0,)), images((0.0,)), held_out=images((6.0,)))
    assert numbers(output()(looked)) == {"real": 2.0, "fake": 0.0, "held_out": 18.0}


def test_slopes_are_those_of_the_loss_on_what_is_shown() -> None:
    """Hinge: D(x) = 1/2 and 8 of real images, 1/2 of fake ones; darkened, all count."""
    real, fake = images((1.0,), (4.0,)), images((1.0,), (1.0,))
    plain = view(Halved(), real, fake, objective=hinge())
    assert numbers(loss_slope()(plain)) == {"real": 0.5, "fake": 1.0}
    dark = view(Halved(), real, fake, objective=hinge(), see=lambda x: 0 * x)
    assert numbers(loss_slope()(dark)) == {"real": 1.0, "fake": 1.0}


def test_diversity_is_that_of_both_and_their_ratio() -> None:
    looked = view(Halved(), images((1.0,), (5.0,)), images((2.0,), (3.0,)))
    assert numbers(diversity()(looked)) == {"real": 2.0, "fake": 0.5, "ratio": 0.25}


@pytest.mark.parametrize("asked", EVERY)
def test_answers_are_numbers_by_part_and_weights_are_left_alone(asked: type[Diagnostic]) -> None:
    network = convolutional(sn())
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    answer = asked()(view(network, noise(), noise(seed=1), objective=hinge()))
    assert answer
    assert all(value.isfinite().all() and not value.requires_grad for value in answer.values())
    assert {value.ndim for value in answer.values()} == ({1} if asked is spectra else {0})
    for name, parameter in network.named_parameters():
        assert parameter.grad is None
        assert torch.equal(parameter, before[name])
