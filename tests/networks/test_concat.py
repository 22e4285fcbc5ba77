"""The discriminator that is told the class in its middle."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    CNNDiscriminator,
    ConcatCNNDiscriminator,
)
from tests.networks.made import CONCAT, SHAPE, count, described, layers


def test_concat_hears_the_class_before_its_last_convolution() -> None:
    """SNGAN Table 6: 256 channels and 128 of the class go to 512."""
    shape = (3, 32, 32)
    network, plain = ConcatCNNDiscriminator(shape, 10), CNNDiscriminator(shape)
    made = layers(network, torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64))
    assert [described(*pair) for pair in made] == [
        described(*pair) for pair in layers(plain, torch.zeros(1, *shape))
    ]
    told = [m.in_channels for m in network.features if isinstance(m, nn.Conv2d)]
    assert told == [3, 64, 64, 128, 128, 256, 256 + 128]
    assert count(network) == count(plain) + 10 * 128 + 9 * 128 * 512


def test_concat_of_a_deaf_convolution_is_the_plain_one() -> None:
    """And what it hears is the same at every pixel: a bias of the class, away from the border."""
    torch.manual_seed(0)
    network, plain = ConcatCNNDiscriminator(SHAPE, 3, 2, embedding=5), CNNDiscriminator(SHAPE, 2)
    for parameter in network.parameters():  # or any two answers would be close to zero, and equal
        parameter.data.mul_(30)
    state = {k: v for k, v in network.state_dict().items() if "embed" not in k}
    state["features.12.weight"] = state["features.12.weight"][:, :8]
    plain.load_state_dict(state)
    x, labels = torch.randn(4, *SHAPE), torch.tensor([2, 0, 1, 2])
    seen = network.features[:-2](x)
    last = network.features[-2]
    assert isinstance(last, nn.Conv2d)
    for row, label in enumerate(labels.tolist()):
        of_class = network.embed.weight[label][:, None, None].expand(5, 1, 1)
        heard = torch.nn.functional.conv2d(of_class[None], last.weight[:, 8:], padding=1)
        features = plain.features[-2](seen[row : row + 1]) + heard
        logit = plain.linear(plain.features[-1](features).flatten(1))
        torch.testing.assert_close(network(x, labels)[row : row + 1], logit)
        assert logit.abs() > 0.1
    with torch.no_grad():
        network.embed.weight.zero_()
    torch.testing.assert_close(network(x, labels), plain(x))


def test_an_embedding_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="embedding must be >= 1, got 0"):
        ConcatCNNDiscriminator(SHAPE, 3, embedding=0)


def test_other_classes_get_other_answers() -> None:
    torch.manual_seed(0)
    network = ConcatCNNDiscriminator(SHAPE, 3, width=2)
    x = torch.randn(1, *SHAPE).expand(3, -1, -1, -1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(30)
        answers = network(x, torch.arange(3))
    assert len(answers.flatten().unique()) == 3


def test_only_the_class_that_is_told_is_learned_about() -> None:
    network = ConcatCNNDiscriminator(SHAPE, 4, width=1, embedding=3)
    network(torch.randn(3, *SHAPE), torch.tensor([2, 0, 2])).sum().backward()
    slope = network.embed.weight.grad
    assert slope is not None
    assert slope.abs().sum(1).bool().tolist() == [True, False, True, False]


def test_what_is_told_is_told_of_each_image_alone() -> None:
    torch.manual_seed(0)
    network = ConcatCNNDiscriminator(SHAPE, 3, width=2).double()
    for parameter in network.parameters():
        parameter.data.mul_(30)
    x, labels = torch.randn(4, *SHAPE, dtype=torch.float64), torch.tensor([2, 0, 1, 2])
    together = network(x, labels)
    for row in range(4):
        torch.testing.assert_close(
            network(x[row : row + 1], labels[row : row + 1])[0], together[row]
        )


def test_initial_weights_are_those_of_the_plain_one() -> None:
    """Standard deviation 0.02; that of the wider convolution is cut, too, and has no bias yet."""
    torch.manual_seed(0)
    network = ConcatCNNDiscriminator((1, 8, 8), 200, width=32)
    last = network.features[-2]
    assert isinstance(last, nn.Conv2d)
    assert last.weight.std().item() == pytest.approx(0.8796 * 0.02, rel=0.02)
    assert 0.039 < float(last.weight.detach().abs().max()) <= 0.04
    assert last.bias is not None
    assert not last.bias.any()
    assert network.embed.weight.std().item() == pytest.approx(0.02, rel=0.02)


def test_a_width_is_that_of_the_features_and_not_of_the_embedding() -> None:
    network = ConcatCNNDiscriminator(SHAPE, 3, width=2, embedding=5)
    last = network.features[-2]
    assert isinstance(last, nn.Conv2d)
    assert (last.in_channels, last.out_channels) == (8 + 5, 16)
    assert network.embed.weight.shape == (3, 5)
    assert network.num_classes == 3


def test_an_embedding_may_have_one_component() -> None:
    assert ConcatCNNDiscriminator(SHAPE, 3, 1, embedding=1).embed.weight.shape == (3, 1)


def test_it_is_built_for_classes_of_the_data() -> None:
    with pytest.raises(
        UserError, match=r"^ConcatCNNDiscriminator needs classes, but the data have"
    ):
        CONCAT(SHAPE)
    with pytest.raises(UserError, match=r"^num_classes must be an integer >= 1, got 0$"):
        CONCAT(SHAPE, num_classes=0)
    with pytest.raises(UserError, match=r"^embedding must be >= 1, got -2$"):
        CONCAT(SHAPE, num_classes=2, embedding=-2)
