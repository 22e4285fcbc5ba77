"""The ResNets against the papers' tables: layers, shapes and numbers of parameters."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AuxiliaryResNetDiscriminator,
    ConcatResNetDiscriminator,
    ConditionalBatchNorm2d,
    ConditionalResNetGenerator,
    ProjectionResNetDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from tests.networks.test_tables import count, described, layers

Row = tuple[int, int, int, int]
"""Kernel, stride, channels and height of what comes out; a linear layer has kernel 0."""


class Table(NamedTuple):
    """A table of a paper, transcribed: its dense layer, then its blocks; their channels."""

    size: int
    dense: tuple[int, int]  # side, channels
    up: list[int]
    down: list[int]
    same: list[int]


TABLES = [
    Table(32, (4, 256), [256] * 3, [128] * 2, [128] * 2),  # SNGAN Table 4
    Table(48, (6, 512), [256, 128, 64], [64, 128, 256, 512], [1024]),  # SNGAN Table 5
    # SNGAN's code for this size
    Table(64, (4, 1024), [512, 256, 128, 64], [64, 128, 256, 512, 1024], []),
    # BSSN Tables 8 and 10
    Table(128, (4, 1024), [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024], [1024]),
]


def conv(kernel: int, before: int, after: int) -> int:
    return kernel**2 * before * after + after


def up(before: int, after: int, side: int) -> tuple[list[Row], int]:
    """BSSN Table 9: layers in the order of use, and parameters with two batch normalizations."""
    rows = [(3, 1, after, 2 * side), (3, 1, after, 2 * side), (1, 1, after, 2 * side)]
    return rows, conv(3, before, after) + conv(3, after, after) + conv(1, before, after) + 2 * (
        before + after
    )


def down(before: int, hidden: int, after: int, side: int, first: bool) -> tuple[list[Row], int]:
    """BSSN Tables 11 and 12; the shortcut's convolution comes before the mean, or behind it."""
    shortcut = (1, 1, after, side // 2 if first else side)
    rows = [(3, 1, hidden, side), (3, 1, after, side), shortcut]
    weights = conv(3, before, hidden) + conv(3, hidden, after) + conv(1, before, after)
    return rows, weights


def same(before: int, hidden: int, after: int, side: int, beside: bool) -> tuple[list[Row], int]:
    """BSSN Table 13; SNGAN's code has no convolution beside a block of equal widths."""
    rows, weights = down(before, hidden, after, side, first=False)
    return (rows, weights) if beside else (rows[:2], weights - conv(1, before, after))


def generator_of(table: Table) -> tuple[list[Row], int]:
    side, before = table.dense
    rows: list[Row] = [(0, 1, side**2 * before, 1)]
    weights = 129 * side**2 * before
    for after in table.up:
        more, count_ = up(before, after, side)
        rows, weights, before, side = rows + more, weights + count_, after, 2 * side
    assert side == table.size
    return [*rows, (3, 1, 3, side)], weights + 2 * before + conv(3, before, 3)


def discriminator_of(table: Table, hidden: str) -> tuple[list[Row], int]:
    side, before, weights = table.size, 3, 0
    rows: list[Row] = []
    for k, after in enumerate(table.down + table.same):
        inner = after if hidden == "paper" or k == 0 else before
        if k < len(table.down):
            more, count_ = down(before, inner, after, side, first=k == 0)
            side //= 2
        else:
            more, count_ = same(before, inner, after, side, before != after or table.size == 128)
        rows, weights, before = rows + more, weights + count_, after
    return [*rows, (0, 1, 1, 1)], weights + before + (table.size != 32)  # no bias at 32


def heard(network: nn.Module, *inputs: Tensor) -> list[Row]:
    return [described(*pair) for pair in layers(network, *inputs)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.size))
def test_generators_are_the_tables(table: Table) -> None:
    with torch.device("meta"):
        network = ResNetGenerator((3, table.size, table.size))
        rows, weights = generator_of(table)
        assert heard(network, torch.zeros(2, 128)) == rows
        assert network(torch.zeros(2, 128)).shape == (2, 3, table.size, table.size)
    assert count(network) == weights
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    eps = 1e-5 if table.size == 128 else 2e-5
    assert {(n.momentum, n.eps) for n in norms} == {(0.1, eps)}


@pytest.mark.parametrize("hidden", ["paper", "code"])
@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.size))
def test_discriminators_are_the_tables(table: Table, hidden: str) -> None:
    shape = (3, table.size, table.size)
    with torch.device("meta"):
        network = ResNetDiscriminator(shape, hidden=hidden)  # type: ignore[arg-type]
        rows, weights = discriminator_of(table, hidden)
        assert heard(network, torch.zeros(2, *shape)) == rows
        assert network(torch.zeros(2, *shape)).shape == (2, 1)
    assert count(network) == weights


def test_the_class_joins_after_the_third_block() -> None:
    """SNGAN Table 6: 256 + 128 channels, of which the fourth block makes 512."""
    with torch.device("meta"):
        network = ConcatResNetDiscriminator((3, 128, 128), 1000)
        rows, weights = discriminator_of(TABLES[3], "paper")
        labels = torch.zeros(2, dtype=torch.int64)
        assert heard(network, torch.zeros(2, 3, 128, 128), labels) == rows
        assert network.get_parameter("features.3.conv1.weight").shape == (512, 384, 3, 3)
    assert count(network) == weights + 1000 * 128 + 128 * 512 * (9 + 1)


def test_initial_weights_are_those_of_the_code() -> None:
    """Xavier-uniform, its bound sqrt(2) times as large for the 3x3 convolutions of blocks."""
    torch.manual_seed(0)
    shape = (3, 32, 32)
    for network in (
        ResNetGenerator(shape, width=64),
        ResNetDiscriminator(shape, width=64),
        ProjectionResNetDiscriminator(shape, 50, width=64),
        AuxiliaryResNetDiscriminator(shape, 50, width=64),
    ):
        for name, module in network.named_modules():
            if not isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
                continue
            rows, columns = module.weight.shape[:2]
            fans = module.weight[0, 0].numel() * (rows + columns)
            bound = (6 / fans) ** 0.5 * (2**0.5 if ".conv" in name else 1)
            assert 0.9 * bound < float(module.weight.detach().abs().max()) <= bound, name
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                assert not module.bias.any(), name


# -------------------------------------------------------------------------------- other widths


def test_a_width_keeps_the_ratios() -> None:
    for size in (32, 48, 64, 128):
        with torch.device("meta"):
            network = ResNetDiscriminator((1, size, size), width=2)
            generator = ResNetGenerator((1, size, size), 3, width=2)
            assert generator(torch.zeros(2, 3)).shape == (2, 1, size, size)
            assert network(torch.zeros(2, 1, size, size)).shape == (2, 1)
        assert network.get_parameter("features.0.conv1.weight").shape == (2, 1, 3, 3)
        assert generator.norm.num_features == 2
    assert network.linear.in_features == 32
    assert generator.first == (32, 4, 4)


def test_widths_make_networks_for_other_sizes() -> None:
    generator = ResNetGenerator((1, 8, 24), 3, widths=[5, 4, 2])
    assert generator.first == (5, 2, 6)
    assert generator(torch.zeros(2, 3)).shape == (2, 1, 8, 24)
    network = ResNetDiscriminator((1, 8, 24), widths=[2, 3, 4])
    assert network.features(torch.zeros(2, 1, 8, 24)).shape == (2, 4, 2, 6)
    network = ResNetDiscriminator((1, 8, 24), widths=[2, 3, 4], halvings=3)
    assert network.features(torch.zeros(2, 1, 8, 24)).shape == (2, 4, 1, 3)
    assert ResNetDiscriminator((1, 2, 2), widths=[2])(torch.zeros(2, 1, 2, 2)).shape == (2, 1)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 28, 28), {}, "tables for images of 32x32, 48x48, 64x64, 128x128, got 28x28; choose"),
        ((3, 32, 48), {}, "got 32x48; choose one of these sizes, another network, or `widths`"),
        ((3, 32, 32), {"width": 0}, "^width must be >= 1, got 0"),
        ((3, 32, 32), {"width": 2, "widths": [2, 2]}, "^width is given beside `widths`"),
        ((3, 32, 32), {"widths": []}, r"^widths must be . or more integers >= 1, got \[\]"),
        ((3, 32, 32), {"widths": [4, 0]}, r"^widths must be . or more integers >= 1, got \[4, 0\]"),
        ((3, 6, 6), {"widths": [4, 4, 4]}, "2 times, so they must be multiples of 4, got 6x6"),
    ],
)
@pytest.mark.parametrize("network", [ResNetGenerator, ResNetDiscriminator])
def test_sizes_without_a_table_are_refused(
    network: type[nn.Module], shape: tuple[int, int, int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        network(shape, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"halvings": 0}, "^halvings must be from 1 to the number of blocks, 4, got 0"),
        ({"halvings": 5}, "^halvings must be from 1 to the number of blocks, 4, got 5"),
        ({"hidden": "output"}, "^hidden must be 'paper' or 'code', got 'output'"),
    ],
)
def test_nonsense_of_a_discriminator_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ResNetDiscriminator((3, 32, 32), **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- classes

SHAPE, WIDTHS = (3, 16, 16), [4, 6, 6, 8]
X = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([2, 0, 1, 2, 2])


def plain_of(network: nn.Module, *own: str) -> ResNetDiscriminator:
    """The unconditional network with the same weights."""
    plain = ResNetDiscriminator(SHAPE, widths=WIDTHS)
    state = network.state_dict()
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith(own)})
    return plain


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
    with pytest.raises(UserError, match=r"^embedding must be >= 1, got 0"):
        ConcatResNetDiscriminator(SHAPE, 3, embedding=0, widths=WIDTHS)
    for network in (
        AuxiliaryResNetDiscriminator,
        ConcatResNetDiscriminator,
        ConditionalResNetGenerator,
        ProjectionResNetDiscriminator,
    ):
        with pytest.raises(UserError, match=f"{network.__name__} needs classes"):
            network((3, 32, 32), width=2)
