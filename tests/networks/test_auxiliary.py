"""The discriminator with a second head that tells classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AuxiliaryCNNDiscriminator,
    CNNDiscriminator,
    Judgement,
)
from tests.networks.made import AC, SHAPE, lively


def test_an_auxiliary_head_is_a_classifier_beside_the_plain_one() -> None:
    torch.manual_seed(0)
    shape = (1, 16, 16)  # whose features are averaged over four pixels
    network = lively(AuxiliaryCNNDiscriminator(shape, 3, width=2))
    plain = CNNDiscriminator(shape, width=2)
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "classify" not in k})
    x, labels = torch.randn(4, *shape), torch.tensor([2, 0, 1, 2])
    logits, class_loss = network(x, labels)
    torch.testing.assert_close(logits, plain(x), rtol=1e-4, atol=0)
    for row, label in enumerate(labels.tolist()):
        feature = network.features(x)[row].mean((1, 2))
        scores = network.classify.weight @ feature + network.classify.bias
        probability = scores.exp()[label] / scores.exp().sum()
        torch.testing.assert_close(class_loss[row], -probability.log())
    assert class_loss.shape == (4,)
    assert class_loss.max() - class_loss.min() > 0.01


def test_other_classes_get_other_answers() -> None:
    torch.manual_seed(0)
    network = AuxiliaryCNNDiscriminator(SHAPE, 3, width=2)
    x = torch.randn(1, *SHAPE).expand(3, -1, -1, -1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(30)
        answers = network(x, torch.arange(3)).class_loss
    assert len(answers.flatten().unique()) == 3


def test_a_head_that_knows_nothing_gives_every_class_the_same_chance() -> None:
    """``-log p(y | x) = log K``; one that is sure and right, nothing."""
    network = AuxiliaryCNNDiscriminator(SHAPE, 5, width=1)
    nn.init.zeros_(network.classify.weight)
    x, labels = torch.randn(3, *SHAPE), torch.tensor([4, 0, 1])
    torch.testing.assert_close(network(x, labels).class_loss, torch.full((3,), 5.0).log())
    with torch.no_grad():
        network.classify.bias[4] = 50.0
    loss = network(x, labels).class_loss
    torch.testing.assert_close(loss, torch.tensor([0.0, 50.0, 50.0]))


def test_whether_an_image_is_real_is_judged_without_its_class() -> None:
    torch.manual_seed(0)
    network, x = AuxiliaryCNNDiscriminator(SHAPE, 3, width=1), torch.randn(3, *SHAPE)
    with torch.no_grad():
        network.classify.weight.mul_(1e6)
    one, two = (network(x, torch.tensor(labels)) for labels in ([0, 1, 2], [1, 2, 0]))
    assert isinstance(one, Judgement)
    assert one.logits.shape == (3, 1)
    assert torch.equal(one.logits, two.logits)
    assert (one.class_loss != two.class_loss).all()


def test_features_are_averaged_over_pixels_for_the_class_alone() -> None:
    """Images of other sizes have as many class scores; the classes head has no place for pixels."""
    for size in (8, 16):
        network = AuxiliaryCNNDiscriminator((1, size, size), 3, width=2)
        assert network.classify.weight.shape == (3, 16)
        assert network.linear.in_features == 16 * (size // 8) ** 2


def test_the_head_starts_like_the_other_one() -> None:
    torch.manual_seed(0)
    network = AuxiliaryCNNDiscriminator(SHAPE, 100, width=32)
    assert network.classify.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not network.classify.bias.any()
    assert network.num_classes == 100


def test_it_is_built_for_classes_of_the_data() -> None:
    with pytest.raises(UserError, match=r"^AuxiliaryCNNDiscriminator needs classes, but the data"):
        AC(SHAPE)
    with pytest.raises(UserError, match=r"^num_classes must be an integer >= 1, got -1$"):
        AC(SHAPE, num_classes=-1)


def test_its_width_is_that_of_the_paper_unless_another_is_asked_for() -> None:
    assert AuxiliaryCNNDiscriminator(SHAPE, 3).classify.weight.shape == (3, 8 * 64)
