"""Networks with classes: what they become without, and who refuses what."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalBatchNorm2d,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)

SHAPE = (1, 8, 8)


def test_conditional_batch_norm_of_one_class_is_batch_norm() -> None:
    torch.manual_seed(0)
    plain, conditional = nn.BatchNorm2d(3), ConditionalBatchNorm2d(3, 1)
    with torch.no_grad():
        plain.weight.copy_(torch.randn(3))
        plain.bias.copy_(torch.randn(3))
        conditional.gain.copy_(plain.weight[None])
        conditional.offset.copy_(plain.bias[None])
    x, labels = torch.randn(5, 3, 4, 4), torch.zeros(5, dtype=torch.int64)
    for training in (True, False):
        torch.testing.assert_close(conditional.train(training)(x, labels), plain.train(training)(x))


def test_conditional_batch_norm_starts_as_one_class_and_tells_them_apart() -> None:
    layer = ConditionalBatchNorm2d(2, 3)
    x = torch.randn(6, 2, 4, 4)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    torch.testing.assert_close(layer(x, labels), nn.BatchNorm2d(2)(x))
    with torch.no_grad():
        layer.gain[1], layer.offset[1] = 3.0, 5.0
    out = layer(x, labels)
    expected = nn.BatchNorm2d(2)(x)
    torch.testing.assert_close(out[labels != 1], expected[labels != 1])
    torch.testing.assert_close(out[labels == 1], 3 * expected[labels == 1] + 5)


def test_projection_is_unconditional_plus_inner_product() -> None:
    torch.manual_seed(0)
    network = ProjectionCNNDiscriminator(SHAPE, 3, width=2)
    plain = CNNDiscriminator(SHAPE, width=2)
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "embed" not in k})
    x, labels = torch.randn(4, *SHAPE), torch.tensor([2, 0, 1, 2])
    features = network.features(x)
    for row, (label, feature) in enumerate(zip(labels, features, strict=True)):
        inner = (network.embed.weight[label] * feature.sum((1, 2))).sum()
        torch.testing.assert_close(network(x, labels)[row], plain(x)[row] + inner)


def test_a_conditional_generator_of_equal_classes_is_the_plain_one() -> None:
    torch.manual_seed(0)
    conditional = ConditionalCNNGenerator(SHAPE, 3, latent_dim=4, width=1)
    torch.manual_seed(0)
    plain = CNNGenerator(SHAPE, latent_dim=4, width=1)
    z = torch.randn(5, 4)
    torch.testing.assert_close(conditional(z, torch.arange(5) % 3), plain(z))
    assert conditional.num_classes == 3
    assert plain.num_classes is None


G = partial(ConditionalCNNGenerator, latent_dim=4, width=1)
D = partial(ProjectionCNNDiscriminator, width=1)


def test_classes_reach_the_networks_that_ask_for_them() -> None:
    model = GAN(SHAPE, G, D, num_classes=5)
    assert model.is_conditional
    assert model.generator.num_classes == model.discriminator.num_classes == 5
    assert model.sample(7).shape == (7, *SHAPE)
    unconditional = GAN(SHAPE, partial(CNNGenerator, width=1), num_classes=5)
    assert not unconditional.is_conditional


def test_one_class_is_a_number_of_classes() -> None:
    generator = ConditionalCNNGenerator(SHAPE, latent_dim=3, width=1, num_classes=1)
    images = generator(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))
    assert images.shape == (2, *SHAPE)


@pytest.mark.parametrize("networks", [(G, D), (G, CNNDiscriminator), (CNNGenerator, D)])
def test_classes_that_the_data_have_not_are_refused(networks: tuple[object, object]) -> None:
    with pytest.raises(UserError, match="needs classes, but the data have none"):
        GAN(SHAPE, *networks)  # type: ignore[arg-type]


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
        GAN(SHAPE, *networks, num_classes=5)  # type: ignore[arg-type]
