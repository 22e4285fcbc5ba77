"""The standard CNN against the papers' tables, and what may be changed about it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
)
from tests.networks.made import SHAPE, count, described, layers, lively

# kernel, stride, channels, height of what comes out; Linear has kernel 0
CNN_D = [(3, 1, 64, 1), (4, 2, 64, 2), (3, 1, 128, 2), (4, 2, 128, 4), (3, 1, 256, 4)]
CNN_D += [(4, 2, 256, 8), (3, 1, 512, 8)]  # heights are M divided by the last number
CNN_G = [(4, 2, 256, 2), (4, 2, 128, 4), (4, 2, 64, 8), (3, 1, 3, 8)]  # Mg times the last number


@pytest.mark.parametrize(("size", "smallest"), [(32, 4), (48, 6), (64, 8)])
def test_cnn_discriminator_is_bssn_table_3(size: int, smallest: int) -> None:
    """CIFAR10 M = 32, STL10 M = 48, CelebA M = 64."""
    network = CNNDiscriminator((3, size, size))
    made = [described(*pair) for pair in layers(network, torch.zeros(1, 3, size, size))]
    assert made == [(k, s, c, size // m) for k, s, c, m in CNN_D] + [(0, 1, 1, 1)]
    weights, before = 0, 3
    for kernel, _, channels, _ in CNN_D:
        weights += kernel**2 * before * channels + channels
        before = channels
    assert count(network) == weights + 512 * smallest**2 + 1
    slopes = {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.1}


@pytest.mark.parametrize(("size", "smallest"), [(32, 4), (48, 6), (64, 8)])
def test_cnn_generator_is_bssn_table_2(size: int, smallest: int) -> None:
    """CIFAR10 Mg = 4, STL10 Mg = 6, CelebA Mg = 8."""
    network = CNNGenerator((3, size, size))
    made = [described(*pair) for pair in layers(network, torch.zeros(1, 128))]
    first = (0, 1, smallest**2 * 512, 1)
    assert made == [first] + [(k, s, c, smallest * m) for k, s, c, m in CNN_G]
    weights, before = 129 * 512 * smallest**2, 512
    for kernel, _, channels, _ in CNN_G:
        weights += kernel**2 * before * channels + channels
        before = channels
    normalized = 2 * (512 + 256 + 128 + 64)  # gain and offset of each batch normalization
    assert count(network) == weights + normalized
    images = network(torch.randn(4, 128))
    assert images.shape == (4, 3, size, size)
    assert images.abs().max() <= 1
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [(n.momentum, n.eps) for n in norms] == [(0.1, 1e-5)] * 4


def test_initial_weights_are_those_of_the_code() -> None:
    """Standard deviation 0.02, the discriminator's convolutions cut at two of them; biases 0."""
    torch.manual_seed(0)
    for network in (CNNGenerator((3, 32, 32)), CNNDiscriminator((3, 32, 32))):
        for name, parameter in network.named_parameters():
            if parameter.ndim == 1 and "weight" not in name:
                assert parameter.abs().max() == 0, name
            elif parameter.numel() > 20_000:
                cut = isinstance(network, CNNDiscriminator)
                # A normal cut at two standard deviations has 0.8796 of the spread.
                spread = 0.02 * (0.8796 if cut else 1)
                assert parameter.std().item() == pytest.approx(spread, rel=0.02), name
                assert (parameter.abs().max() <= 0.04) == cut


Mistake = tuple[tuple[int, int, int], dict[str, object], str]
OF_BOTH: list[Mistake] = [
    ((3, 28, 32), {}, "images whose sides are multiples of 8, .* three times; got 28x32"),
    ((3, 32, 12), {}, "got 32x12. Choose another image size or network$"),
    ((3, 0, 8), {}, "got 0x8"),
    ((1, 8, 8), {"width": 0}, "^width must be >= 1, got 0$"),
]
OF_ONE: list[Mistake] = [
    ((1, 8, 8), {"width": 2, "last_width": relative}, message)
    for relative, message in (
        (0.0, "^last_width must be a number > 0 that .* one of 16 channels, got 0.0$"),
        (-1.0, "^last_width must be a number > 0 .*, got -1.0$"),
        (0.03, "^last_width must be a number > 0 .*, got 0.03$"),
        (float("nan"), "^last_width must be a number > 0 .*, got nan$"),
        (float("inf"), "^last_width must be a number > 0 .*, got inf$"),
    )
]


@pytest.mark.parametrize(
    ("kind", "mistake"),
    [
        *((CNNGenerator, mistake) for mistake in OF_BOTH),
        *((CNNDiscriminator, mistake) for mistake in OF_BOTH + OF_ONE),
    ],
)
def test_what_cannot_be_built_is_refused(kind: type[nn.Module], mistake: Mistake) -> None:
    shape, options, message = mistake
    with pytest.raises(UserError, match=message):
        kind(shape, **options)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 24), (2, 16, 8)])
def test_images_need_not_be_square_nor_of_three_channels(shape: tuple[int, int, int]) -> None:
    images = CNNGenerator(shape, latent_dim=3, width=1)(torch.randn(2, 3))
    assert images.shape == (2, *shape)
    assert CNNDiscriminator(shape, width=1)(images).shape == (2, 1)


@pytest.mark.parametrize(("relative", "channels"), [(1.0, 16), (0.5, 8), (2.0, 32), (0.1, 2)])
def test_the_last_width_is_relative_to_eight_times_the_first(
    relative: float, channels: int
) -> None:
    """SNGAN Fig. 4; the other layers stay."""
    network = CNNDiscriminator(SHAPE, width=2, last_width=relative)
    widths = [m.out_channels for m in network.features if isinstance(m, nn.Conv2d)]
    assert widths == [2, 2, 4, 4, 8, 8, channels]
    assert network.linear.in_features == channels
    assert network(torch.zeros(3, *SHAPE)).shape == (3, 1)


def test_a_slope_of_zero_makes_relus() -> None:
    """BSSN App. I: and there alone, a network of weights < 0 is dead behind its first layer."""
    x = torch.rand(4, *SHAPE)
    for slope, alive in ((0.0, False), (0.1, True), (1.0, True)):
        network = CNNDiscriminator(SHAPE, width=1, slope=slope)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(-0.1 if parameter.ndim > 1 else 0)
        assert bool(network(x).any()) == alive


def test_without_activations_a_discriminator_is_affine() -> None:
    """With a slope of 1: ``D((x + y) / 2) = (D(x) + D(y)) / 2``."""
    torch.manual_seed(0)
    network = CNNDiscriminator(SHAPE, width=2, slope=1.0).double()
    x, y = torch.randn(2, 3, *SHAPE, dtype=torch.float64)
    middle = (network(x) + network(y)) / 2
    torch.testing.assert_close(network((x + y) / 2), middle, rtol=1e-6, atol=0)
    curved = CNNDiscriminator(SHAPE, width=2).double()
    curved.load_state_dict(network.state_dict())
    middle = (curved(x) + curved(y)) / 2
    assert not torch.allclose(curved((x + y) / 2), middle, rtol=1e-3, atol=0)


def test_an_image_is_a_function_of_its_latent_in_evaluation_and_of_its_batch_in_training() -> None:
    torch.manual_seed(0)
    generator, z = lively(CNNGenerator(SHAPE, latent_dim=4, width=2)), torch.randn(6, 4)
    assert not torch.allclose(generator(z)[:2], generator(z[:2]), atol=1e-3)
    images = generator.eval()(z)
    torch.testing.assert_close(images[:2], generator(z[:2]))
    assert images.std(0).max() > 0.1


def test_papers_widths_are_the_ones_without_options() -> None:
    with torch.device("meta"):
        generator, discriminator = CNNGenerator((3, 32, 32)), CNNDiscriminator((3, 32, 32))
        assert generator.latent_dim == 128
        assert count(generator) == count(CNNGenerator((3, 32, 32), 128, 64))
        assert count(discriminator) == count(CNNDiscriminator((3, 32, 32), 64, 1.0))


def test_a_last_layer_of_one_channel_is_enough() -> None:
    network = CNNDiscriminator((1, 8, 8), width=1, last_width=1 / 8)
    assert network.linear.weight.shape == (1, 1)


def test_a_generator_says_what_it_makes_and_of_how_little() -> None:
    made = CNNGenerator((1, 8, 16), latent_dim=1, width=1)
    assert (made.image_shape, made.latent_dim) == ((1, 8, 16), 1)


def test_the_last_layer_of_a_discriminator_begins_as_small_as_the_others() -> None:
    torch.manual_seed(0)
    network = CNNDiscriminator((1, 32, 32), width=16)
    assert network.linear.weight.std().item() == pytest.approx(0.02, rel=0.1)
