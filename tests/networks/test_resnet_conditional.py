"""ResNets with classes: what they become without, and where the class comes in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AuxiliaryResNetDiscriminator,
    ConcatResNetDiscriminator,
    ConditionalBatchNorm2d,
    ConditionalResNetGenerator,
    Judgement,
    ProjectionResNetDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from tests.networks.made import count
from tests.networks.tables import TABLES, discriminator_of, heard

WIDTHS = [4, 6, 6, 8]
SHAPE = (3, 16, 16)
X = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([2, 0, 1, 2, 2])


def plain_of(network: nn.Module, *own: str) -> ResNetDiscriminator:
    """The unconditional network with the same weights."""
    plain = ResNetDiscriminator(SHAPE, widths=WIDTHS)
    state = network.state_dict()
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith(own)})
    return plain


def test_the_class_joins_after_the_third_block() -> None:
    """SNGAN Table 6: 256 + 128 channels, of which the fourth block makes 512."""
    with torch.device("meta"):
        network = ConcatResNetDiscriminator((3, 128, 128), 1000)
        rows, weights = discriminator_of(TABLES[3], "paper")
        labels = torch.zeros(2, dtype=torch.int64)
        assert heard(network, torch.zeros(2, 3, 128, 128), labels) == rows
        assert network.get_parameter("features.3.conv1.weight").shape == (512, 384, 3, 3)
    assert count(network) == weights + 1000 * 128 + 128 * 512 * (9 + 1)


def test_projection_is_unconditional_plus_inner_product() -> None:
    torch.manual_seed(0)
    network = ProjectionResNetDiscriminator(SHAPE, 3, widths=WIDTHS)
    plain = plain_of(network, "embed")
    for row, (label, features) in enumerate(zip(Y, network.features(X), strict=True)):
        inner = (network.embed.weight[label] * features.clamp(min=0).sum((1, 2))).sum()
        torch.testing.assert_close(network(X, Y)[row], plain(X)[row] + inner)


def test_auxiliary_is_unconditional_with_a_guess_of_the_class() -> None:
    torch.manual_seed(0)
    network = AuxiliaryResNetDiscriminator(SHAPE, 3, widths=WIDTHS)
    logits, loss = network(X, Y)
    torch.testing.assert_close(logits, plain_of(network, "classes")(X))
    pooled = network.features(X).clamp(min=0).mean((2, 3))
    scores = (pooled @ network.classes.weight.t() + network.classes.bias).exp()
    torch.testing.assert_close(loss, -(scores[range(5), Y] / scores.sum(1)).log())
    assert loss.shape == (5,)


def test_concatenation_is_unconditional_where_the_embedding_is_zero_and_else_not() -> None:
    torch.manual_seed(0)
    network = ConcatResNetDiscriminator(SHAPE, 3, embedding=5, widths=WIDTHS)
    first = network.features[:3](X)
    joined = [
        torch.cat([x, network.embed.weight[y][:, None, None].expand(5, *x.shape[1:])])
        for x, y in zip(first, Y, strict=True)
    ]
    summed = network.features[3:](torch.stack(joined)).clamp(min=0).sum((2, 3))
    torch.testing.assert_close(network(X, Y), network.linear(summed))
    assert not torch.equal(network(X, Y), network(X, (Y + 1) % 3))
    torch.nn.init.zeros_(network.embed.weight)
    torch.testing.assert_close(network(X, Y), network(X, (Y + 1) % 3))


def test_a_conditional_generator_of_equal_classes_is_the_plain_one() -> None:
    torch.manual_seed(0)
    conditional = ConditionalResNetGenerator(SHAPE, 3, latent_dim=4, widths=[4, 3, 2])
    torch.manual_seed(0)
    plain = ResNetGenerator(SHAPE, latent_dim=4, widths=[4, 3, 2])
    z = torch.randn(5, 4)
    torch.testing.assert_close(conditional(z, Y), plain(z))
    norms = [m for m in conditional.modules() if isinstance(m, ConditionalBatchNorm2d)]
    assert len(norms) == 4
    assert {n.norm.eps for n in norms} == {2e-5}
    with torch.no_grad():
        for norm in norms:
            norm.offset[2] += 1
    assert not torch.allclose(conditional(z, Y)[Y == 2], plain(z)[Y == 2], atol=1e-3)


def test_nonsense_of_classes_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"^widths of ConcatResNetDiscriminator must be more than 3"
    ):
        ConcatResNetDiscriminator(SHAPE, 3, widths=[2, 2, 2])
    with pytest.raises(UserError, match=r"^embedding must be >= 1, got 0$"):
        ConcatResNetDiscriminator(SHAPE, 3, embedding=0, widths=WIDTHS)
    for network in (
        AuxiliaryResNetDiscriminator,
        ConcatResNetDiscriminator,
        ConditionalResNetGenerator,
        ProjectionResNetDiscriminator,
    ):
        with pytest.raises(UserError, match=f"{network.__name__} needs classes"):
            network((3, 32, 32), width=2)


KINDS: list[type[ResNetDiscriminator]] = [
    AuxiliaryResNetDiscriminator,
    ConcatResNetDiscriminator,
    ProjectionResNetDiscriminator,
]


def told(output: Tensor | Judgement) -> Tensor:
    """What depends on the class."""
    return output if isinstance(output, Tensor) else output.class_loss


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_says_something_of_its_own_image_alone(kind: type[ResNetDiscriminator]) -> None:
    torch.manual_seed(0)
    network = kind(SHAPE, 3, widths=WIDTHS).double()
    x, other = X.double(), torch.tensor([2, 1, 1, 2, 0])
    one, two = told(network(x, Y)), told(network(x, other))
    changed = (one != two).reshape(5)
    assert changed.tolist() == (other != Y).tolist()
    for row in range(5):
        alone = told(network(x[row : row + 1], Y[row : row + 1]))
        torch.testing.assert_close(alone[0], one[row])


@pytest.mark.parametrize("kind", KINDS)
def test_options_of_the_plain_network_are_its_own(kind: type[ResNetDiscriminator]) -> None:
    """Halvings, widths, and where a block widens."""
    options = {"widths": WIDTHS, "halvings": 1, "hidden": "code"}
    network = kind(SHAPE, num_classes=3, **options)  # type: ignore[call-arg, arg-type]  # all have it
    plain = ResNetDiscriminator(SHAPE, **options)  # type: ignore[arg-type]  # mixed types
    assert network.num_classes == 3
    rows, expected = heard(network, X, Y), heard(plain, X)
    if kind is AuxiliaryResNetDiscriminator:  # that guesses a class at last
        assert rows.pop(-2) == (0, 1, 3, 1)
    if kind is ConcatResNetDiscriminator:  # a block of whose input the embedding is a part
        expected[-4] = (3, 1, 6 + 128, 8)
    assert rows == expected
    small = kind((3, 32, 32), num_classes=3, width=2)  # type: ignore[call-arg]  # all have it
    assert small.get_parameter("features.0.conv1.weight").shape == (2, 3, 3, 3)


def test_a_projection_on_nothing_is_the_plain_network() -> None:
    network = ProjectionResNetDiscriminator(SHAPE, 3, widths=WIDTHS)
    nn.init.zeros_(network.embed.weight)
    torch.testing.assert_close(network(X, Y), plain_of(network, "embed")(X))


def test_a_guess_without_weights_is_a_guess() -> None:
    """``-log p(y | x) = log K``, and the logits are what they are."""
    network = AuxiliaryResNetDiscriminator(SHAPE, 3, widths=WIDTHS)
    logits = network(X, Y).logits
    nn.init.zeros_(network.classes.weight)
    blind = network(X, Y)
    torch.testing.assert_close(blind.class_loss, torch.full((5,), 3.0).log())
    assert torch.equal(blind.logits, logits)


def test_an_image_is_of_its_own_class_in_evaluation() -> None:
    """Only blocks hear the class: the normalization after the last one has none."""
    torch.manual_seed(0)
    generator = ConditionalResNetGenerator(SHAPE, 3, latent_dim=4, widths=[4, 3, 2]).eval()
    assert type(generator.norm) is nn.BatchNorm2d
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, ConditionalBatchNorm2d):
                module.offset.normal_()
    z, other = torch.randn(5, 4), torch.tensor([2, 1, 1, 2, 0])
    images = generator(z, Y)
    changed = (images - generator(z, other)).flatten(1).abs().amax(1) > 1e-6
    assert changed.tolist() == (other != Y).tolist()
    torch.testing.assert_close(generator(z[:2], Y[:2]), images[:2])


def test_a_width_of_the_generator_keeps_the_ratios_and_the_classes() -> None:
    with torch.device("meta"):
        generator = ConditionalResNetGenerator((1, 48, 48), 7, width=2)
    norms = [m for m in generator.modules() if isinstance(m, ConditionalBatchNorm2d)]
    assert {m.gain.shape[0] for m in norms} == {7}
    assert [m.gain.shape[1] for m in norms] == [16, 8, 8, 4, 4, 2]
    assert (generator.num_classes, generator.latent_dim) == (7, 128)


def test_an_embedding_may_have_one_component() -> None:
    network = ConcatResNetDiscriminator(SHAPE, 3, embedding=1, widths=WIDTHS)
    assert network.embed.weight.shape == (3, 1)
    assert network(X, Y).shape == (5, 1)
