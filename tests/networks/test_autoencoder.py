"""The autoencoder of boundary equilibrium GANs: shapes, energies, ranges."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AutoencoderDiscriminator,
    CodedAutoencoderDiscriminator,
    DecoderGenerator,
    SigmoidDecoderGenerator,
)
from gan_lightning.networks.autoencoder import Decoder, Encoder
from gan_lightning.streams import stream
from tests.networks.made import count, described, layers, of_any_weights

SIDES = [(8, 8), (16, 16), (28, 28), (32, 32), (48, 48), (64, 64), (16, 48), (36, 20)]


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_images_of_every_size_come_back(sides: tuple[int, int]) -> None:
    shape = (2, *sides)
    code = Encoder(shape, 3, 5)(torch.zeros(2, *shape))
    assert code.shape == (2, 5)
    assert Decoder(shape, 3, 5)(code).shape == (2, *shape)
    generator = DecoderGenerator(shape, 5, 3)
    images = generator(torch.randn(2, 5))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1
    assert generator.image_shape == shape


@pytest.mark.parametrize(
    ("sides", "smallest"),
    [
        ((8, 8), (8, 8)),
        ((16, 16), (8, 8)),
        ((18, 18), (9, 9)),
        ((24, 24), (6, 6)),
        ((32, 8), (32, 8)),
        ((16, 48), (8, 24)),
        ((36, 20), (9, 5)),
        ((9, 64), (9, 64)),
    ],
)
def test_sides_halve_together_while_both_are_even_and_above_eight(
    sides: tuple[int, int], smallest: tuple[int, int]
) -> None:
    seen: list[tuple[int, ...]] = []
    encoder = Encoder((1, *sides), 1, 1)
    encoder[-2].register_forward_hook(lambda layer, given, out: seen.append(given[0].shape[2:]))
    encoder(torch.zeros(1, 1, *sides))
    assert seen == [smallest]


def test_an_energy_is_what_the_papers_figure_computes() -> None:
    """Berthelot et al. 2017, Fig. 1, in plain torch: from the image through the code and back."""
    network = of_any_weights(AutoencoderDiscriminator((2, 32, 16), 3, 5))
    parameters = iter(network.parameters())
    x = torch.randn(4, 2, 32, 16, dtype=torch.float64)

    def conv(x: Tensor, stride: int = 1) -> Tensor:
        return F.conv2d(x, next(parameters), next(parameters), stride, padding=1)

    def elu(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, x.clamp(max=0).exp() - 1)

    h = elu(conv(x))
    h = elu(conv(elu(conv(h))))  # n channels
    h = elu(conv(h, stride=2))
    h = elu(conv(elu(conv(h))))  # 2 n
    assert h.shape == (4, 6, 16, 8)
    codes = h.flatten(1) @ next(parameters).t() + next(parameters)
    h = (codes @ next(parameters).t() + next(parameters)).reshape(4, 3, 16, 8)
    h = elu(conv(elu(conv(h))))
    h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
    h = elu(conv(elu(conv(h))))
    error = x - conv(h)
    assert next(parameters, None) is None
    torch.testing.assert_close(network(x), error.abs().mean((1, 2, 3)), rtol=1e-10, atol=0)


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
    got = "0 and 64" if "width" in options else "64 and 0"
    with pytest.raises(UserError) as caught:
        AutoencoderDiscriminator((1, 8, 8), **options)
    said = f"width and hidden of AutoencoderDiscriminator must be >= 1, got {got}"
    assert str(caught.value) == said
    with pytest.raises(UserError, match="latent_dim"):
        DecoderGenerator((1, 8, 8), latent_dim=0)
    with pytest.raises(UserError, match="of DecoderGenerator must be >= 1, got 0 and 64"):
        DecoderGenerator((1, 8, 8), width=0)


def test_one_channel_and_a_code_of_one_number_are_enough() -> None:
    images = DecoderGenerator((1, 16, 8), latent_dim=1, width=1)(torch.zeros(2, 1))
    assert AutoencoderDiscriminator((1, 16, 8), 1, 1)(images).shape == (2,)
