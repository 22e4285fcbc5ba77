"""First weights of the papers: variances, fans, seeds, and what a scale does."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import is_parametrized

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.initialization import (
    Initialization,
    fans,
    initialize_,
    kaiming,
    lecun,
    orthogonal,
    xavier,
)
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import bssn, none, rows_out
from gan_lightning.normalization.shared import parameter_of
from gan_lightning.penalties import not_orthonormal
from tests.conftest import Gan

# Each layer with its fans: the numbers that one output is made of, and that one input goes into.
LAYERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "Linear": (lambda: nn.Linear(300, 200), 300, 200),
    "Conv2d": (lambda: nn.Conv2d(20, 30, 5, stride=2), 20 * 25, 30 * 25),
    "Conv1d": (lambda: nn.Conv1d(60, 80, 4), 60 * 4, 80 * 4),
    "Conv3d": (lambda: nn.Conv3d(8, 12, (3, 4, 5)), 8 * 60, 12 * 60),
    "Conv2d of groups": (lambda: nn.Conv2d(40, 60, 5, groups=4), 10 * 25, 15 * 25),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(20, 30, 5, stride=2), 20 * 25, 30 * 25),
    "ConvTranspose2d of groups": (
        lambda: nn.ConvTranspose2d(40, 60, 5, groups=4),
        10 * 25,
        15 * 25,
    ),
    "Embedding": (lambda: nn.Embedding(300, 100), 100, 300),
}
VARIANCES: list[tuple[Initialization, Callable[[int, int], float]]] = [
    (lecun(), lambda n, m: 1 / n),
    (lecun(0.2), lambda n, m: 0.04 / n),
    (xavier(), lambda n, m: 2 / (n + m)),
    (kaiming(a=0.5), lambda n, m: 2 / (1.25 * n)),
    (kaiming(scale=3.0, a=0.0), lambda n, m: 18 / n),
]


def drawn(layer: nn.Module, initialization: Initialization) -> Tensor:
    torch.manual_seed(0)
    initialize_(layer, initialization)
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("initialization", "variance"), VARIANCES)
def test_variances_are_those_of_the_papers(
    name: str, initialization: Initialization, variance: Callable[[int, int], float]
) -> None:
    build, fan_in, fan_out = LAYERS[name]
    layer = build()
    assert fans(layer) == (fan_in, fan_out)
    weight = drawn(layer, initialization)
    spread = 5 * math.sqrt(2 / weight.numel())  # of the variance of so many normal numbers
    assert float(weight.square().mean()) == pytest.approx(variance(fan_in, fan_out), rel=spread)
    assert abs(float(weight.mean())) < 5 * float(weight.std()) / math.sqrt(weight.numel())
    assert weight.abs().max() > 3 * weight.std()  # normal, not uniform or cut
    bias = getattr(layer, "bias", None)
    assert bias is None or not bias.any()


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "Embedding"])
def test_fans_are_numbers_of_connections(name: str) -> None:
    """Found by trial: what a gradient of one output touches; of one input, by the adjoint."""
    build, fan_in, fan_out = LAYERS[name]
    layer = build()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(1 if parameter.ndim > 1 else 0)
    if isinstance(layer, nn.Linear):
        x = torch.zeros(1, 300, requires_grad=True)
    else:
        assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d)
        size = (15,) * (layer.weight.ndim - 2)
        layer.stride = (1,) * len(size)  # which the papers do not count
        x = torch.zeros(1, layer.in_channels, *size, requires_grad=True)
    y = layer(x)
    middle = tuple(n // 2 for n in y.shape[1:])
    (gradient,) = torch.autograd.grad(y[(0, *middle)], x)
    assert int((gradient != 0).sum()) == fan_in
    one = torch.zeros_like(x)
    one[(0, *(n // 2 for n in x.shape[1:]))] = 1
    assert int((layer(one) != 0).sum()) == fan_out


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_orthogonal_matrices(name: str, scale: float) -> None:
    layer = LAYERS[name][0]().double()
    weight = drawn(layer, orthogonal(scale))
    values = torch.linalg.svdvals(rows_out(layer).matrix(weight))
    torch.testing.assert_close(values, torch.full_like(values, scale))
    distance = values.numel() * (scale**2 - 1) ** 2
    assert float(not_orthonormal(layer).detach()) == pytest.approx(distance, abs=1e-24, rel=1e-9)


SMALL: dict[str, Any] = {
    "generator": partial(CNNGenerator, latent_dim=4, width=2),
    "discriminator": partial(CNNDiscriminator, width=2),
}


def build(seed: int, **options: Any) -> GAN:
    torch.manual_seed(seed)
    return GAN((1, 16, 16), **{"norm": none(), **SMALL, **options})


def test_each_network_has_its_own_and_none_is_the_networks() -> None:
    plain = build(0)
    both = build(0, initialization=lecun(2.0), generator_initialization=orthogonal())
    for _, parameter in both.named_parameters():
        assert parameter.ndim > 1 or not parameter.any() or parameter.eq(1).all()  # bn's gains
    linear = parameter_of(both.discriminator.get_submodule("linear")).detach()
    assert float(linear.square().mean()) == pytest.approx(4 / 64, rel=0.8)
    for layer in both.generator.modules():
        if isinstance(layer, nn.ConvTranspose2d | nn.Linear):
            assert not_orthonormal(layer) < 1e-9
    only = build(0, initialization=lecun())
    for one, two in zip(plain.generator.parameters(), only.generator.parameters(), strict=True):
        assert torch.equal(one, two)


def test_first_weights_are_a_function_of_the_seed() -> None:
    for initialization in (lecun(), xavier(), kaiming(), orthogonal()):
        first, again, other = (build(s, initialization=initialization) for s in (3, 3, 4))
        layers = [gan.discriminator.get_submodule("features.2") for gan in (first, again, other)]
        weights = [parameter_of(layer) for layer in layers]
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])


def test_it_comes_before_normalization() -> None:
    gan = build(0, initialization=orthogonal(3.0), norm=bssn(1.2))
    layers = [m for m in gan.discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) == 7
    for layer in layers:
        assert is_parametrized(layer)
        values = torch.linalg.svdvals(parameter_of(layer).detach().flatten(1))
        torch.testing.assert_close(values, torch.full_like(values, 3.0))
        assert float(torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]) < 2.4


def test_a_layer_in_half_precision_is_drawn_in_full() -> None:
    layer = nn.Linear(6, 6).bfloat16()
    initialize_(layer, orthogonal())
    assert layer.weight.dtype == torch.bfloat16
    assert not_orthonormal(layer.float()) < 1e-3


@pytest.mark.parametrize("kind", [lecun, xavier, kaiming, orthogonal])
@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e-40])
def test_a_scale_that_is_no_scale_is_refused(kind: type[Initialization], scale: float) -> None:
    with pytest.raises(UserError, match=r"^scale must be a number > 0"):
        kind(scale)


def test_the_command_line_names_its_options(parsed: Gan) -> None:
    words = ["--model.initialization", "kaiming", "--model.initialization.a=0.3"]
    words += ["--model.generator_initialization", "orthogonal"]
    model = parsed(*words).model
    assert model.hparams["initialization"]["class_path"].endswith("initialization.kaiming")
    with pytest.raises(UserError, match=r"^--model\.initialization\.scale must be .*, got 0"):
        parsed("--model.initialization=lecun", "--model.initialization.scale=0")
    with pytest.raises(UserError, match=r"^--model\.generator_initialization\.a must be"):
        parsed(
            "--model.generator_initialization=kaiming", "--model.generator_initialization.a=.nan"
        )
    with pytest.raises(UserError, match=r"kaiming, lecun, orthogonal, xavier"):
        parsed("--model.initialization=he")


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_a_norm_of_its_own_is_drawn_as_one_without(name: str) -> None:
    """What torch's norms make of the parameter is their affair."""
    make, _, _ = LAYERS[name]
    plain, normed = make(), parametrizations.spectral_norm(make())
    for layer in (plain, normed):
        torch.manual_seed(5)
        initialize_(layer, kaiming(1.7))
    assert torch.equal(parameter_of(normed), parameter_of(plain))
    assert is_parametrized(normed, "weight")


def test_a_weight_of_several_parameters_is_refused() -> None:
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    with pytest.raises(UserError, match="the weight of a Linear is made of several"):
        initialize_(layer, lecun())
