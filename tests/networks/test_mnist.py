"""The networks of the MNIST experiments against BSSN's tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    MNISTDiscriminator,
    MNISTGenerator,
)
from gan_lightning.networks.cnn import INIT_STD
from tests.networks.made import count, described, layers


def test_mnist_discriminator_is_bssn_table_5() -> None:
    network = MNISTDiscriminator((1, 28, 28))
    made = [described(*pair) for pair in layers(network, torch.zeros(1, 1, 28, 28))]
    assert made == [(5, 2, 64, 14), (5, 2, 128, 7), (5, 2, 256, 4), (0, 1, 1, 1)]
    assert count(network) == 25 * (64 + 64 * 128 + 128 * 256) + 256 * 16  # no biases


def test_mnist_generator_is_bssn_table_4() -> None:
    network = MNISTGenerator((1, 28, 28))
    made = [described(*pair) for pair in layers(network, torch.zeros(1, 100))]
    assert made == [(0, 1, 6272, 1), (5, 2, 64, 14), (5, 2, 1, 28)]
    weights = 101 * 6272 + (25 * 128 * 64 + 64) + (25 * 64 + 1)
    assert count(network) == weights + 2 * (128 + 64)
    images = network(torch.randn(4, 100))
    assert images.min() >= 0
    assert images.max() <= 1


def test_latents_of_mnist_are_uniform_in_single_precision() -> None:
    z = MNISTGenerator((1, 28, 28)).latents(50, np.random.default_rng(0))
    assert (z.dtype, z.shape) == (torch.float32, (50, 100))
    assert -1 <= z.min() < -0.99
    assert 0.99 < z.max() <= 1


def test_initial_weights_of_mnist_have_the_spread_of_the_code() -> None:
    torch.manual_seed(0)
    for network in (MNISTGenerator((1, 28, 28)), MNISTDiscriminator((1, 28, 28))):
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                assert parameter.std().item() == pytest.approx(INIT_STD, rel=0.1), name


@pytest.mark.parametrize("kind", [MNISTGenerator, MNISTDiscriminator])
@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 32, 32), (1, 28, 24)])
def test_images_of_another_shape_are_refused(
    kind: type[MNISTGenerator | MNISTDiscriminator], shape: tuple[int, int, int]
) -> None:
    said = f"^takes 28x28 images of one channel, got {shape}$".replace("(", r"\(").replace(
        ")", r"\)"
    )
    with pytest.raises(UserError, match=said):
        kind(shape)


def test_the_length_of_a_latent_is_free_and_its_lack_is_refused() -> None:
    generator = MNISTGenerator((1, 28, 28), latent_dim=3)
    assert generator(torch.zeros(2, 3)).shape == (2, 1, 28, 28)
    assert generator.latents(4, np.random.default_rng(0)).shape == (4, 3)
    with pytest.raises(UserError, match=r"^latent_dim must be >= 1, got 0$"):
        MNISTGenerator((1, 28, 28), latent_dim=0)


def test_black_is_zero_and_white_is_one() -> None:
    """The range of a sigmoid; with all weights zero, images are grey."""
    generator = MNISTGenerator((1, 28, 28), latent_dim=3)
    assert generator.value_range == (0.0, 1.0)
    for bias, value in ((0.0, 0.5), (200.0, 1.0), (-200.0, 0.0)):
        with torch.no_grad():
            for name, parameter in generator.named_parameters():
                parameter.fill_(bias if name == "layers.5.bias" else 0.0)
        images = generator(torch.randn(2, 3))
        torch.testing.assert_close(images, torch.full((2, 1, 28, 28), value))


def test_latents_are_a_function_of_the_random_numbers() -> None:
    generator = MNISTGenerator((1, 28, 28))
    z = generator.latents(50, np.random.default_rng(0))
    assert torch.equal(generator.latents(2, np.random.default_rng(0)), z[:2])
    assert abs(float(z.mean())) < 4 * 3**-0.5 / 5000**0.5
    assert float(z.std()) == pytest.approx(3**-0.5, rel=0.03)


def test_activations_leak_a_fifth_before_they_are_normalized() -> None:
    """BSSN Tables 4 and 5; the last activation is the sigmoid."""
    generator = MNISTGenerator((1, 28, 28), latent_dim=2)
    convolution = nn.ConvTranspose2d
    kinds = [nn.LeakyReLU, nn.BatchNorm2d, convolution, nn.LeakyReLU, nn.BatchNorm2d, convolution]
    assert [type(layer) for layer in generator.layers] == [*kinds, nn.Sigmoid]
    for network in (generator, MNISTDiscriminator((1, 28, 28))):
        slopes = [m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)]
        assert set(slopes) == {0.2}
    assert len(slopes) == 3


def test_a_discriminator_without_biases_scales_with_its_image() -> None:
    """``D(c x) = c D(x)`` for c > 0, as it is made of leaky activations and nothing is added."""
    torch.manual_seed(0)
    network, x = MNISTDiscriminator((1, 28, 28)), torch.rand(2, 1, 28, 28)
    assert network(x).abs().max() > 1e-4
    torch.testing.assert_close(network(8 * x), 8 * network(x))
    assert not torch.allclose(network(-x), -network(x), rtol=0.01, atol=0)


def test_initial_biases_are_zero() -> None:
    generator = MNISTGenerator((1, 28, 28))
    biases = [m.bias for m in generator.modules() if isinstance(m, nn.Linear | nn.ConvTranspose2d)]
    assert len(biases) == 3
    assert all(bias is not None and not bias.any() for bias in biases)


def test_a_generator_says_what_it_makes() -> None:
    assert MNISTGenerator((1, 28, 28), latent_dim=9).image_shape == (1, 28, 28)
