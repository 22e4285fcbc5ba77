"""Every network against its paper's table: kernels, strides, shapes and numbers of parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    MNISTDiscriminator,
    MNISTGenerator,
)
from gan_lightning.networks.cnn import INIT_STD

# kernel, stride, channels, height of what comes out; Linear has kernel 0
CNN_D = [(3, 1, 64, 1), (4, 2, 64, 2), (3, 1, 128, 2), (4, 2, 128, 4), (3, 1, 256, 4)]
CNN_D += [(4, 2, 256, 8), (3, 1, 512, 8)]  # heights are M divided by the last number
CNN_G = [(4, 2, 256, 2), (4, 2, 128, 4), (4, 2, 64, 8), (3, 1, 3, 8)]  # Mg times the last number


def layers(network: nn.Module, *inputs: Tensor) -> list[tuple[nn.Module, tuple[int, ...]]]:
    """Convolutions and linear layers in order of use, with the shapes of what they make."""
    found: list[tuple[nn.Module, tuple[int, ...]]] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            module.register_forward_hook(
                lambda layer, given, out: found.append((layer, tuple(out.shape[1:])))
            )
    with torch.no_grad():
        network.eval()(*inputs)
    return found


def described(layer: nn.Module, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    if isinstance(layer, nn.Linear):
        return 0, 1, shape[0], 1
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    assert layer.kernel_size[0] == layer.kernel_size[1]
    assert shape[1] == shape[2]
    return layer.kernel_size[0], layer.stride[0], shape[0], shape[1]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


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
