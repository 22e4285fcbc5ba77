"""Networks with classes: what they become without, and who refuses what."""

from __future__ import annotations

import torch
from torch import nn

from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalBatchNorm2d,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from tests.networks.made import SHAPE, lively


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
    shape = (1, 16, 16)  # whose features are summed over four pixels
    network = lively(ProjectionCNNDiscriminator(shape, 3, width=2))
    plain = CNNDiscriminator(shape, width=2)
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "embed" not in k})
    x, labels = torch.randn(4, *shape), torch.tensor([2, 0, 1, 2])
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


def test_one_class_is_a_number_of_classes() -> None:
    generator = ConditionalCNNGenerator(SHAPE, latent_dim=3, width=1, num_classes=1)
    images = generator(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))
    assert images.shape == (2, *SHAPE)
