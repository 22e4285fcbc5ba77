"""Networks with classes: what they become without, and who refuses what."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.losses import Objective, auxiliary, began, ebgan, hinge, wasserstein
from gan_lightning.networks import (
    AutoencoderDiscriminator,
    AuxiliaryCNNDiscriminator,
    CNNDiscriminator,
    CNNGenerator,
    CodedAutoencoderDiscriminator,
    ConcatCNNDiscriminator,
    ConditionalBatchNorm2d,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from tests.networks.test_tables import count, described, layers

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


def test_an_auxiliary_head_is_a_classifier_beside_the_plain_one() -> None:
    torch.manual_seed(0)
    shape = (1, 16, 16)  # whose features are averaged over four pixels
    network = AuxiliaryCNNDiscriminator(shape, 3, width=2)
    with torch.no_grad():
        network.classify.bias.copy_(torch.randn(3))
        network.classify.weight.mul_(1e5)  # so that classes differ
    plain = CNNDiscriminator(shape, width=2)
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "classify" not in k})
    x, labels = torch.randn(4, *shape), torch.tensor([2, 0, 1, 2])
    logits, class_loss = network(x, labels)
    torch.testing.assert_close(logits, plain(x))
    for row, label in enumerate(labels.tolist()):
        feature = network.features(x)[row].mean((1, 2))
        scores = network.classify.weight @ feature + network.classify.bias
        probability = scores.exp()[label] / scores.exp().sum()
        torch.testing.assert_close(class_loss[row], -probability.log())
    assert class_loss.shape == (4,)
    assert class_loss.max() - class_loss.min() > 0.01


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
    with torch.no_grad():
        network.embed.weight.zero_()
    torch.testing.assert_close(network(x, labels), plain(x))


@pytest.mark.parametrize("kind", [ConcatCNNDiscriminator, AuxiliaryCNNDiscriminator])
def test_other_classes_get_other_answers(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = kind(SHAPE, 3, width=2)
    x = torch.randn(1, *SHAPE).expand(3, -1, -1, -1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(30)
        output = network(x, torch.arange(3))
    answers = output if isinstance(output, torch.Tensor) else output.class_loss
    assert len(answers.flatten().unique()) == 3


def test_an_embedding_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="embedding must be >= 1, got 0"):
        ConcatCNNDiscriminator(SHAPE, 3, embedding=0)


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


AC = partial(AuxiliaryCNNDiscriminator, width=1)
CONCAT = partial(ConcatCNNDiscriminator, width=1)


@pytest.mark.parametrize(
    "networks", [(G, D), (G, AC), (G, CONCAT), (G, CNNDiscriminator), (CNNGenerator, D)]
)
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


AE = partial(AutoencoderDiscriminator, width=1, hidden=2)
CODED = partial(CodedAutoencoderDiscriminator, width=1, hidden=2)
NOT_UNDERSTOOD: list[tuple[object, Objective, str]] = [
    (AC, hinge(), r"hinge does not understand .*, which returns Judgement \(logits, class_loss\)"),
    (AC, began(), "began does not understand"),
    (AC, ebgan(), "ebgan does not understand .*AuxiliaryCNNDiscriminator"),
    (D, auxiliary(), "auxiliary .*ProjectionCNN.* returns Tensor without a class head"),
    (CODED, wasserstein(), r"Coded \(energies, codes\) where one tensor is wanted"),
    (CODED, began(), "began does not understand"),
    (AE, ebgan(pulling_away=0.1), "returns Tensor without codes, which pulling_away needs"),
    (AC, auxiliary(ebgan(pulling_away=1.0)), "without codes"),
]


@pytest.mark.parametrize(("network", "objective", "message"), NOT_UNDERSTOOD)
def test_what_an_objective_does_not_understand_is_refused(
    network: partial[nn.Module], objective: Objective, message: str
) -> None:
    conditional = network in (AC, D)
    generator = G if conditional else partial(CNNGenerator, latent_dim=4, width=1)
    with pytest.raises(UserError, match=f"^objective .*{message}"):
        GAN(SHAPE, generator, network, objective, num_classes=5 if conditional else None)


@pytest.mark.parametrize(
    ("network", "objective"),
    [
        (AC, auxiliary()),
        (AC, auxiliary(hinge())),
        (AE, began()),
        (AE, ebgan()),
        (CODED, ebgan()),
        (CODED, ebgan(pulling_away=0.1)),
    ],
)
def test_what_an_objective_understands_is_taken(
    network: partial[nn.Module], objective: Objective
) -> None:
    conditional = network is AC
    generator = G if conditional else partial(CNNGenerator, latent_dim=4, width=1)
    model = GAN(SHAPE, generator, network, objective, num_classes=5 if conditional else None)
    assert model.discriminator.training
