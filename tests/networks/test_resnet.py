"""The ResNets against the papers' tables: layers, shapes and numbers of parameters."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AuxiliaryResNetDiscriminator,
    ProjectionResNetDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from tests.networks.made import count
from tests.networks.tables import TABLES, Table, discriminator_of, generator_of, heard


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
def test_discriminators_are_the_tables(table: Table, hidden: Literal["paper", "code"]) -> None:
    shape = (3, table.size, table.size)
    with torch.device("meta"):
        network = ResNetDiscriminator(shape, hidden=hidden)
        rows, weights = discriminator_of(table, hidden)
        assert heard(network, torch.zeros(2, *shape)) == rows
        assert network(torch.zeros(2, *shape)).shape == (2, 1)
    assert count(network) == weights


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
def test_nonsense_of_a_discriminator_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ResNetDiscriminator((3, 32, 32), **options)
