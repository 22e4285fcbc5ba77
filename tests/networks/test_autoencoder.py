"""The autoencoder of boundary equilibrium GANs: shapes, energies, ranges."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import AutoencoderDiscriminator, DecoderGenerator
from gan_lightning.networks.autoencoder import Decoder, Encoder
from gan_lightning.streams import stream


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
def test_sizes_that_are_none_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UserError, match="must be >= 1"):
        AutoencoderDiscriminator((1, 8, 8), **options)
    with pytest.raises(UserError, match="latent_dim"):
        DecoderGenerator((1, 8, 8), latent_dim=0)
    with pytest.raises(UserError, match="of DecoderGenerator must be >= 1, got 0 and 64"):
        DecoderGenerator((1, 8, 8), width=0)
