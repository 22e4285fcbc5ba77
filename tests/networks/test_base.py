"""What every network promises, and which networks go together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    Generator,
)
from gan_lightning.networks.base import ImageShape, build, require_classes, require_same_classes
from tests.networks.made import AC, CONCAT, SHAPE, D, G


def test_classes_reach_the_networks_that_ask_for_them() -> None:
    model = GAN(SHAPE, G, D, num_classes=5)
    assert model.is_conditional
    assert model.generator.num_classes == model.discriminator.num_classes == 5
    assert model.sample(7).shape == (7, *SHAPE)
    unconditional = GAN(SHAPE, partial(CNNGenerator, width=1), num_classes=5)
    assert not unconditional.is_conditional


@pytest.mark.parametrize(
    "networks", [(G, D), (G, AC), (G, CONCAT), (G, CNNDiscriminator), (CNNGenerator, D)]
)
def test_classes_that_the_data_have_not_are_refused(networks: tuple[object, object]) -> None:
    with pytest.raises(UserError, match="needs classes, but the data have none"):
        GAN(SHAPE, *networks)  # type: ignore[arg-type]  # of any kind


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ((G, CNNDiscriminator), "takes 5 classes, but .*CNNDiscriminator takes no classes"),
        ((CNNGenerator, D), "takes no classes, but .*ProjectionCNNDiscriminator takes 5 classes"),
        ((partial(G, num_classes=4), D), "takes 4 classes, but .* takes 5 classes"),
    ],
)
def test_networks_of_different_classes_are_refused(
    networks: tuple[object, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        GAN(SHAPE, *networks, num_classes=5)  # type: ignore[arg-type]  # of any kind


def test_latents_are_standard_normal_and_a_function_of_the_random_numbers() -> None:
    """One by one or together: so many more do not change the first ones."""
    generator = CNNGenerator(SHAPE, latent_dim=64, width=1)
    z = generator.latents(500, np.random.default_rng(1))
    assert (z.dtype, z.shape, z.device.type) == (torch.float32, (500, 64), "cpu")
    assert abs(float(z.mean())) < 4 / 32000**0.5
    assert float(z.std()) == pytest.approx(1, abs=4 / 64000**0.5)
    assert torch.equal(generator.latents(500, np.random.default_rng(1)), z)
    assert torch.equal(generator.latents(3, np.random.default_rng(1)), z[:3])
    assert not torch.equal(generator.latents(3, np.random.default_rng(2)), z[:3])
    assert generator.latents(0, np.random.default_rng(1)).shape == (0, 64)


class Wide(Generator):
    """A generator of one's own."""

    def forward(self, z: Tensor) -> Tensor:
        return z.new_zeros(len(z), *self.image_shape)


def test_a_generator_of_ones_own_knows_its_shapes_and_makes_signed_images() -> None:
    own = Wide((3, 5, 7), 2)
    assert (own.image_shape, own.latent_dim) == ((3, 5, 7), 2)
    assert (own.value_range, own.num_classes) == ((-1.0, 1.0), None)
    for dim in (0, -3):
        with pytest.raises(UserError, match=f"^latent_dim must be >= 1, got {dim}$"):
            Wide((3, 5, 7), dim)


def test_a_number_of_classes_is_wanted_and_a_lack_of_them_is_told() -> None:
    network = nn.Linear(1, 1)
    assert [require_classes(network, n) for n in (1, 10)] == [1, 10]
    for n in (0, -1):
        with pytest.raises(UserError, match=f"^num_classes must be an integer >= 1, got {n}$"):
            require_classes(network, n)
    with pytest.raises(UserError) as caught:
        require_classes(network, None)
    assert str(caught.value) == (
        "Linear needs classes, but the data have none. Choose labelled data (digits; a folder "
        "with its num_classes) or a network without classes"
    )


class Known(nn.Module):
    """Notes what it is built with."""

    def __init__(self, image_shape: ImageShape, num_classes: int | None = None) -> None:
        super().__init__()
        self.given = image_shape, num_classes


class Asking(Known):
    def __init__(self, image_shape: ImageShape, num_classes: int) -> None:
        super().__init__(image_shape, num_classes)


class Fixed(Known):
    def __init__(self, image_shape: ImageShape, num_classes: int = 3) -> None:
        super().__init__(image_shape, num_classes)


def without_classes(image_shape: ImageShape) -> Known:
    return Known(image_shape, -1)


def test_who_asks_for_classes_is_given_those_of_the_data() -> None:
    """And keeps those that it has been given before."""
    cases: list[tuple[Callable[[ImageShape], Known], int]] = [
        (Known, 5),
        (Asking, 5),  # type: ignore[list-item]  # that is the point
        (partial(Known, num_classes=None), 5),
        (partial(Known, num_classes=4), 4),
        (Fixed, 3),
        (without_classes, -1),
    ]
    for make, classes in cases:
        assert build(make, SHAPE, 5).given == (SHAPE, classes)


def test_where_the_data_have_no_classes_none_are_given() -> None:
    for make, classes in ((Known, None), (partial(Known, num_classes=4), 4), (Fixed, 3)):
        assert build(make, SHAPE, None).given == (SHAPE, classes)


def test_networks_with_the_same_classes_or_none_go_together() -> None:
    plain, three = CNNGenerator(SHAPE, 2, width=1), G(SHAPE, num_classes=3)
    require_same_classes(plain, CNNDiscriminator(SHAPE, width=1))
    require_same_classes(plain, nn.Linear(1, 1))
    require_same_classes(three, D(SHAPE, num_classes=3))
    with pytest.raises(
        UserError,
        match=r"^generator ConditionalCNNGenerator takes 3 classes, but `discriminator` Linear "
        "takes no classes; choose two networks with the same classes, or two without$",
    ):
        require_same_classes(three, nn.Linear(1, 1))
    with pytest.raises(UserError, match=r"takes 3 classes, but .* takes 2 classes"):
        require_same_classes(three, D(SHAPE, num_classes=2))


def test_classes_that_were_bound_before_are_not_given_again() -> None:
    bound = partial(ConditionalCNNGenerator, num_classes=7, latent_dim=4, width=1)
    assert build(bound, (1, 8, 8), 5).num_classes == 7
