"""The ResNets against the papers' tables: layers, shapes and numbers of parameters."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import (
    AuxiliaryResNetDiscriminator,
    ProjectionResNetDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_lightning.networks.resnet import Hidden
from tests.networks.made import count, of_any_weights
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


# ------------------------------------------------------------------------- what tables compute


def conv(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)


def normalized(state: dict[str, Tensor], name: str, x: Tensor, eps: float) -> Tensor:
    x = x - x.mean((0, 2, 3), keepdim=True)
    x = x / (x.square().mean((0, 2, 3), keepdim=True) + eps).sqrt()
    gain, offset = (state[f"{name}.{key}"][:, None, None] for key in ("weight", "bias"))
    return gain * x + offset


def twice(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def generated(state: dict[str, Tensor], z: Tensor, first: int, side: int, eps: float) -> Tensor:
    """BSSN Tables 8 and 9, SNGAN Tables 4 and 5, line by line."""
    x = z @ state["linear.weight"].t() + state["linear.bias"]
    x, k = x.reshape(len(z), first, side, side), 0
    while f"blocks.{k}.conv1.weight" in state:
        h = F.relu(normalized(state, f"blocks.{k}.norm1", x, eps))
        h = conv(state, f"blocks.{k}.conv1", twice(h))
        h = F.relu(normalized(state, f"blocks.{k}.norm2", h, eps))
        h = conv(state, f"blocks.{k}.conv2", h)
        x, k = h + conv(state, f"blocks.{k}.shortcut", twice(x)), k + 1
    return conv(state, "last", F.relu(normalized(state, "norm", x, eps))).tanh()


def judged(state: dict[str, Tensor], x: Tensor, halvings: int) -> Tensor:
    """BSSN Tables 10 to 13, SNGAN Tables 4 and 5, line by line."""
    k = 0
    while f"features.{k}.conv1.weight" in state:
        h = conv(state, f"features.{k}.conv1", x if k == 0 else F.relu(x))
        h = conv(state, f"features.{k}.conv2", F.relu(h))
        beside = f"features.{k}.shortcut"
        x = h + (conv(state, beside, x) if f"{beside}.weight" in state else x)
        x, k = F.avg_pool2d(x, 2) if k < halvings else x, k + 1
    summed = F.relu(x).sum((2, 3))
    return summed @ state["linear.weight"].t() + state.get("linear.bias", 0)


@pytest.mark.parametrize("table", TABLES[:3], ids=lambda table: str(table.size))
def test_generators_compute_what_the_tables_say(table: Table) -> None:
    shape, side = (3, table.size, table.size), table.dense[0]
    network = of_any_weights(ResNetGenerator(shape, 5, width=2))
    z = torch.randn(3, 5, dtype=torch.float64)
    first = 2 * table.dense[1] // table.up[-1]
    images = network(z)
    expected = generated(dict(network.state_dict()), z, first, side, 2e-5)
    torch.testing.assert_close(images, expected, rtol=1e-10, atol=1e-12)
    assert images.std() > 0.1


@pytest.mark.parametrize("hidden", ["paper", "code"])
@pytest.mark.parametrize("table", TABLES[:3], ids=lambda table: str(table.size))
def test_discriminators_compute_what_the_tables_say(table: Table, hidden: Hidden) -> None:
    shape = (3, table.size, table.size)
    network = of_any_weights(ResNetDiscriminator(shape, width=2, hidden=hidden))
    x = torch.randn(3, *shape, dtype=torch.float64)
    logits = network(x)
    expected = judged(dict(network.state_dict()), x, len(table.down))
    torch.testing.assert_close(logits, expected, rtol=1e-10, atol=0)
    assert logits.abs().min() > 0.01


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
        *(
            ((3, *sides), {"widths": [1] * 4}, f"got {sides[0]}x{sides[1]}; choose fewer, or")
            for sides in ((0, 8), (8, 0), (9, 8), (8, 9), (1, 1))
        ),
    ],
)
@pytest.mark.parametrize("network", [ResNetGenerator, ResNetDiscriminator])
def test_sizes_without_a_table_are_refused(
    network: type[nn.Module], shape: tuple[int, int, int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        network(shape, **options)


def test_sides_have_to_be_multiples_of_what_blocks_make_of_a_pixel() -> None:
    """Powers of two, not multiples."""
    for height, width in ((12, 16), (16, 12), (6, 8), (8, 6), (18, 18)):
        for kind, verb, argument in (
            (partial(ResNetGenerator, widths=[1] * 4), "double to", "widths"),
            (partial(ResNetDiscriminator, widths=[1] * 4), "halve", "halvings"),
        ):
            with pytest.raises(UserError) as caught:
                kind((1, height, width))
            assert str(caught.value) == (
                f"{argument} {verb} the sides of an image 3 times, so they must be multiples of "
                f"8, got {height}x{width}; choose fewer, or another image size"
            )


def test_the_fewest_widths_are_named() -> None:
    for kind, least in ((ResNetGenerator, 2), (ResNetDiscriminator, 1)):
        with pytest.raises(UserError) as caught:
            kind((1, 8, 8), widths=[1] * (least - 1))
        given = [1] * (least - 1)
        said = f"widths must be {least} or more integers >= 1, got {given}"
        assert str(caught.value) == said
        kind((1, 8, 8), widths=[1] * least)


def test_a_width_may_be_one() -> None:
    assert ResNetGenerator((1, 32, 32), 1, width=1).first == (1, 4, 4)
    assert ResNetDiscriminator((1, 32, 32), width=1).linear.in_features == 1


def test_a_generator_says_what_it_makes_and_of_how_little() -> None:
    made = ResNetGenerator((1, 8, 16), latent_dim=1, widths=[1, 1])
    assert (made.image_shape, made.latent_dim) == ((1, 8, 16), 1)


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
