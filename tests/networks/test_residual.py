"""The blocks of ResNets against their plain computation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.networks.residual import Block, FirstBlock, UpBlock, initialize_


def plain(layer: nn.Module, x: Tensor) -> Tensor:
    """A convolution of the block, by its weights alone."""
    assert isinstance(layer, nn.Conv2d)
    return F.conv2d(x, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)


def mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def twice(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def images(channels: int = 3) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(4, channels, 6, 4, dtype=torch.float64)


@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize("halve", [True, False])
@pytest.mark.parametrize("after", [3, 5])
def test_a_block_is_two_convolutions_beside_one_or_none(
    after: int, halve: bool, shortcut: bool
) -> None:
    """BSSN Tables 11 and 13: activations come first, and beside the block none."""
    x = images()
    block = Block(3, 7, after, halve, shortcut).double()
    bare = after == 3 and not halve and not shortcut
    assert isinstance(block.shortcut, nn.Identity) == bare
    beside = x if bare else plain(block.shortcut, x)
    h = plain(block.conv2, F.relu(plain(block.conv1, F.relu(x))))
    expected = h + beside
    got = block(x)
    torch.testing.assert_close(got, mean(expected) if halve else expected)
    assert got.shape == (4, after, *((3, 2) if halve else (6, 4)))


def test_a_first_block_sees_the_image_before_any_activation() -> None:
    """BSSN Table 12: means of the image go through the shortcut's convolution."""
    x, block = images(), FirstBlock(3, 5).double()
    h = mean(plain(block.conv2, F.relu(plain(block.conv1, x))))
    torch.testing.assert_close(block(x), h + plain(block.shortcut, mean(x)))
    assert not torch.allclose(block(x), block(F.relu(x)))


def test_a_block_that_doubles_normalizes_before_each_activation() -> None:
    """BSSN Table 9: the shortcut is doubled and not normalized."""
    x, block = images(), UpBlock(3, 5, 1e-3).double()

    def normalized(h: Tensor) -> Tensor:
        h = h - h.mean((0, 2, 3), keepdim=True)
        return h / (h.square().mean((0, 2, 3), keepdim=True) + 1e-3).sqrt()

    h = plain(block.conv1, twice(F.relu(normalized(x))))
    h = plain(block.conv2, F.relu(normalized(h)))
    expected = h + plain(block.shortcut, twice(x))
    torch.testing.assert_close(block(x), expected)
    assert expected.shape == (4, 5, 12, 8)


def test_norms_that_take_classes_are_given_them() -> None:
    class Shift(nn.Module):
        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return x + labels[:, None, None, None]

    x, labels = images(), torch.arange(4)
    block = UpBlock(3, 3, 1e-5).double()
    block.norm1 = block.norm2 = Shift()
    shift = labels[:, None, None, None]
    h = plain(block.conv1, twice(F.relu(x + shift)))
    expected = plain(block.conv2, F.relu(h + shift)) + plain(block.shortcut, twice(x))
    torch.testing.assert_close(block(x, labels), expected)


def test_a_block_whose_convolutions_are_zero_lets_everything_through() -> None:
    x = images()
    straight = Block(3, 7, 3, halve=False, shortcut=False).double()
    first, up = FirstBlock(3, 3).double(), UpBlock(3, 3, 1e-5).double()
    cases = ((straight, x), (first, mean(x)), (up, twice(x)))
    for block, expected in cases:
        for parameter in block.parameters():
            nn.init.zeros_(parameter)
        if isinstance(block.shortcut, nn.Conv2d):
            nn.init.dirac_(block.shortcut.weight)
        torch.testing.assert_close(block(x), expected)


def test_initial_weights_are_xavier_wider_inside_blocks_and_biases_zero() -> None:
    """Uniform up to sqrt(6 / (fan_in + fan_out)), times sqrt(2) for the two of a block."""
    torch.manual_seed(0)
    network = nn.ModuleDict(
        {
            "block": Block(8, 16, 12, halve=True, shortcut=True),
            "first": FirstBlock(8, 16),
            "up": UpBlock(8, 16, 1e-5),
            "alone": nn.Conv2d(8, 16, 3),
            "linear": nn.Linear(40, 30),
            "embed": nn.Embedding(20, 30),
            "norm": nn.BatchNorm2d(3),
        }
    )
    nn.init.constant_(network.get_parameter("norm.weight"), 7.0)
    initialize_(network)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            rows, columns, *kernel = module.weight.shape
            bound = (6 / ((rows + columns) * int(np.prod(kernel)))) ** 0.5
            bound *= 2**0.5 if name.endswith(("conv1", "conv2")) else 1
            largest = float(module.weight.detach().abs().max())
            assert 0.97 * bound < largest <= bound, name
            assert abs(float(module.weight.detach().mean())) < 0.15 * bound, name
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert module.bias is not None
            assert not module.bias.any(), name
    assert (network.get_parameter("norm.weight") == 7).all()
