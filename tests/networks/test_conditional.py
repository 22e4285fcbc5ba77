"""Networks with classes: what they become without, and who refuses what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalBatchNorm2d,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from tests.networks.made import SHAPE, count, of_any_weights


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
    network = of_any_weights(ProjectionCNNDiscriminator((1, 16, 8), 3, width=2))
    plain = CNNDiscriminator((1, 16, 8), width=2).double()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "embed" not in k})
    x, labels = torch.randn(4, 1, 16, 8, dtype=torch.float64), torch.tensor([2, 0, 1, 2])
    features = network.features(x)
    assert features.shape[2:] == (2, 1)
    for row, (label, feature) in enumerate(zip(labels, features, strict=True)):
        inner = (network.embed.weight[label] * feature.sum((1, 2))).sum()
        torch.testing.assert_close(network(x, labels)[row], plain(x)[row] + inner)
        assert inner.abs() > 0.01


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


def test_a_class_has_a_gain_and_an_offset_for_each_channel_and_there_are_no_others() -> None:
    layer = ConditionalBatchNorm2d(2, 3)
    sizes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert sizes == {"gain": (3, 2), "offset": (3, 2)}


@pytest.mark.parametrize("label", [0, 1, 2])
def test_in_evaluation_a_class_is_a_plain_generator_of_its_own(label: int) -> None:
    """One whose batch normalization has the gains and offsets of the class."""
    network = of_any_weights(ConditionalCNNGenerator(SHAPE, 3, latent_dim=4, width=2))
    z = torch.randn(6, 4, dtype=torch.float64)
    network(z, torch.arange(6) % 3)  # for running statistics other than 0 and 1
    state = network.eval().state_dict()
    names = {".norm.": ".", ".gain": ".weight", ".offset": ".bias"}
    plain = CNNGenerator(SHAPE, latent_dim=4, width=2).double().eval()
    for name, tensor in state.items():
        mine = next((name.replace(*pair) for pair in names.items() if pair[0] in name), name)
        of_classes = name.endswith((".gain", ".offset"))
        plain.state_dict()[mine].copy_(tensor[label] if of_classes else tensor)
    images = network(z, torch.full((6,), label))
    torch.testing.assert_close(images, plain(z), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(images, network(z, torch.full((6,), (label + 1) % 3)), atol=1e-3)


def test_the_papers_widths_are_the_ones_without_options() -> None:
    with torch.device("meta"):
        generator = ConditionalCNNGenerator((3, 32, 32), 10)
        discriminator = ProjectionCNNDiscriminator((3, 32, 32), 10)
        norms, more = 8 * 64 + 4 * 64 + 2 * 64 + 64, count(CNNDiscriminator((3, 32, 32)))
        assert generator.latent_dim == 128
        assert count(generator) == count(CNNGenerator((3, 32, 32))) + 2 * 9 * norms
        assert count(discriminator) == more + 10 * 512


def test_an_embedding_begins_as_small_as_the_other_weights() -> None:
    torch.manual_seed(0)
    weight = ProjectionCNNDiscriminator(SHAPE, 200, width=8).embed.weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert abs(weight.mean().item()) < 0.001


@pytest.mark.parametrize("kind", [ConditionalCNNGenerator, ProjectionCNNDiscriminator])
def test_networks_with_classes_are_built_for_those_of_the_data(
    kind: type[nn.Module],
) -> None:
    with pytest.raises(UserError, match=f"^{kind.__name__} needs classes, but the data have none"):
        kind(SHAPE, width=1)
    with pytest.raises(UserError, match=r"^num_classes must be an integer >= 1, got 0$"):
        kind(SHAPE, 0, width=1)
