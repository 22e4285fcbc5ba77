"""The autoencoder of boundary equilibrium GANs: shapes, energies, ranges."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AutoencoderDiscriminator,
    CodedAutoencoderDiscriminator,
    DecoderGenerator,
    SigmoidDecoderGenerator,
)
from gan_lightning.networks.autoencoder import Decoder, Encoder
from gan_lightning.streams import stream
from tests.networks.made import count, described, layers


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64])
def test_images_of_every_size_come_back(size: int) -> None:
    shape = (2, size, size)
    code = Encoder(shape, 3, 5)(torch.zeros(2, *shape))
    assert code.shape == (2, 5)
    assert Decoder(shape, 3, 5)(code).shape == (2, *shape)
    images = DecoderGenerator(shape, 5, 3)(torch.randn(2, 5))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1


def test_widths_of_the_encoder_grow_and_sides_halve_to_eight() -> None:
    convolutions = [m for m in Encoder((3, 32, 32), 16, 4) if isinstance(m, nn.Conv2d)]
    widths = [layer.out_channels for layer in convolutions]
    assert widths == [16, 16, 16, 32, 32, 32, 48, 48, 48]
    assert [layer.stride[0] for layer in convolutions] == [1, 1, 1, 2, 1, 1, 2, 1, 1]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    (linear,) = (m for m in Encoder((3, 32, 32), 16, 4) if isinstance(m, nn.Linear))
    assert linear.in_features == 48 * 8 * 8


N, HIDDEN = 64, 64
# kernel, stride, channels, height in smallest sides of what comes out; a linear layer has kernel 0
ENCODER = [(3, 1, N, 4), (3, 1, N, 4), (3, 1, N, 4), (3, 2, 2 * N, 2)]
ENCODER += [(3, 1, 2 * N, 2), (3, 1, 2 * N, 2), (3, 2, 3 * N, 1)]
ENCODER += [(3, 1, 3 * N, 1), (3, 1, 3 * N, 1)]
DECODER = [(3, 1, N, 1), (3, 1, N, 1), (3, 1, N, 2), (3, 1, N, 2), (3, 1, N, 4), (3, 1, N, 4)]


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32)])
def test_networks_are_those_of_the_papers_figure(channels: int, size: int) -> None:
    """Berthelot et al. 2017, Fig. 1, with two halvings: 28 to 7 (MNIST) and 32 to 8 (CIFAR10)."""
    smallest, shape = size // 4, (channels, size, size)

    def table(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
        return [(kernel, stride, c, smallest * m) for kernel, stride, c, m in rows]

    decoder = [(0, 1, N * smallest**2, 1), *table(DECODER), (3, 1, channels, size)]
    network = AutoencoderDiscriminator(shape)
    made = [described(*pair) for pair in layers(network, torch.zeros(1, *shape))]
    assert made == [*table(ENCODER), (0, 1, HIDDEN, 1), *decoder]
    made = [described(*pair) for pair in layers(DecoderGenerator(shape), torch.zeros(1, HIDDEN))]
    assert made == decoder

    def pair(n: int) -> int:
        return 2 * (9 * n * n + n)

    halving = sum(9 * k * N * (k + 1) * N + (k + 1) * N for k in (1, 2))
    encoder = (9 * channels * N + N) + sum(map(pair, (N, 2 * N, 3 * N))) + halving
    code = (3 * N * smallest**2 + 1) * HIDDEN
    of_decoder = (HIDDEN + 1) * N * smallest**2 + 3 * pair(N) + (9 * N + 1) * channels
    assert count(network) == encoder + code + of_decoder
    assert count(DecoderGenerator(shape)) == of_decoder
    ups = [m for m in DecoderGenerator(shape).modules() if isinstance(m, nn.Upsample)]
    assert [(m.scale_factor, m.mode) for m in ups] == [(2.0, "nearest")] * 2


def test_images_in_0_1_for_data_that_are() -> None:
    sigmoid, tanh = SigmoidDecoderGenerator((1, 28, 28), 5, 2), DecoderGenerator((1, 28, 28), 5, 2)
    sigmoid.load_state_dict(tanh.state_dict())
    z = torch.randn(20, 5)
    torch.testing.assert_close(2 * sigmoid(z) - 1, torch.tanh(sigmoid.layers[0](z) / 2))
    torch.testing.assert_close(tanh(z), torch.tanh(sigmoid.layers[0](z)))
    assert (sigmoid.value_range, tanh.value_range) == ((0.0, 1.0), (-1.0, 1.0))


def test_squared_energies_and_codes() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 1, 16, 16)
    network = CodedAutoencoderDiscriminator((1, 16, 16), 2, 3, power=2)
    energies, codes = network(x)
    torch.testing.assert_close(codes, network.encoder(x))
    error = x - network.decoder(codes)
    torch.testing.assert_close(energies, error.square().mean((1, 2, 3)))
    plain = AutoencoderDiscriminator((1, 16, 16), 2, 3, power=2)
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(plain(x), energies)


def test_energies_are_mean_absolute_errors() -> None:
    network = AutoencoderDiscriminator((1, 16, 16), 2, 3)
    x = torch.randn(4, 1, 16, 16)
    reconstructed = network.decoder(network.encoder(x))
    expected = torch.stack([(a - b).abs().mean() for a, b in zip(x, reconstructed, strict=True)])
    torch.testing.assert_close(network(x), expected)


def test_latents_are_uniform() -> None:
    z = DecoderGenerator((1, 8, 8), 50, 1).latents(200, stream(0, "latents", 0))
    assert -1 <= z.min() < -0.99
    assert 0.99 < z.max() <= 1
    assert z.dtype == torch.float32
    assert DecoderGenerator((1, 8, 8)).latent_dim == 64  # in the paper


@pytest.mark.parametrize("options", [{"width": 0}, {"hidden": 0}])
def test_sizes_that_are_none_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="must be >= 1"):
        AutoencoderDiscriminator((1, 8, 8), **options)
    with pytest.raises(UserError, match="latent_dim"):
        DecoderGenerator((1, 8, 8), latent_dim=0)
    with pytest.raises(UserError, match="of DecoderGenerator must be >= 1, got 0 and 64"):
        DecoderGenerator((1, 8, 8), width=0)
