"""Weights divided by the lengths of their parts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    Upkeep,
    bssn,
    frobenius,
    normalize_,
    wn,
)
from gan_lightning.normalization.shared import shared_weights
from gan_lightning.normalization.weight_norms import Unit, Units, gains, unit_pairs
from tests.normalization.made import (
    LAYERS,
    ids,
    make,
    used,
)


def matrix_of(layer: nn.Module) -> list[Tensor]:
    """What makes each output: all weights that a unit vector behind the layer draws on."""
    weight = used(layer).detach()
    if not isinstance(layer, nn.ConvTranspose2d):
        return list(weight)
    of_group, per = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    return [
        weight[(o // per) * of_group : (o // per + 1) * of_group, o % per]
        for o in range(layer.out_channels)
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_parts_have_length_one_after_steps(layer: str) -> None:
    """Every output's weights under wn, all together under frobenius (SNGAN Eq. 25 and 26)."""
    for norm in (wn(), frobenius()):
        module, shape = make(layer, norm), LAYERS[layer][1]
        upkeep = Upkeep(module)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        ((_, weight),) = shared_weights(module)
        for _ in range(4):
            parts = matrix_of(module) if isinstance(norm, wn) else [used(module).detach()]
            lengths = torch.stack([part.square().sum().sqrt() for part in parts])
            torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=0, atol=1e-14)
            before = weight.detach().clone()
            module(torch.randn(4, *shape, dtype=torch.float64)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            upkeep.renew_()
            assert not torch.equal(weight, before)


@pytest.mark.parametrize("norm", [wn(), frobenius()], ids=ids)
def test_what_is_not_estimated_has_no_state(norm: Normalization) -> None:
    plain = CNNDiscriminator((3, 8, 8), width=4)
    count = len(plain.state_dict())
    assert len(normalize_(plain, norm, torch.zeros(1, 3, 8, 8)).state_dict()) == count


def made_of(norm: Normalization, weight: list[list[float]]) -> nn.Module:
    """A linear layer of that weight, normalized."""
    layer = nn.Linear(len(weight[0]), len(weight), bias=False, dtype=torch.float64)
    layer.weight.data.copy_(torch.tensor(weight))
    return normalize_(layer, norm, torch.zeros(1, len(weight[0])))


def test_rows_are_divided_by_their_lengths_and_all_entries_by_that_of_all() -> None:
    """Whatever is zero stays zero."""
    weight = [[3.0, -4.0], [0.0, 0.0], [0.0, 12.0]]
    rows = torch.tensor([[0.6, -0.8], [0, 0], [0, 1]], dtype=torch.float64)
    torch.testing.assert_close(used(made_of(wn(), weight)), rows)
    whole = torch.tensor(weight, dtype=torch.float64) / 13
    torch.testing.assert_close(used(made_of(frobenius(), weight)), whole)


def test_each_class_of_an_embedding_has_length_one() -> None:
    layer = normalize_(nn.Embedding(5, 3), wn(), torch.zeros(1, dtype=torch.int64))
    torch.testing.assert_close(used(layer).norm(dim=1), torch.ones(5))


@pytest.mark.parametrize("norm", [wn(), frobenius()], ids=ids)
def test_a_step_along_a_part_changes_nothing_and_the_gradient_knows_it(norm: Normalization) -> None:
    """It is orthogonal to the part, and as much larger as the part is shorter."""
    torch.manual_seed(0)
    direction = torch.randn(3, 4, dtype=torch.float64)
    gradients = []
    for size in (1.0, 0.5):
        layer = made_of(norm, (size * torch.arange(1.0, 13).reshape(3, 4)).tolist())
        ((_, weight),) = shared_weights(layer)
        (used(layer) * direction).sum().backward()
        assert weight.grad is not None
        along = (weight.grad * weight.detach()).sum(1 if isinstance(norm, wn) else (0, 1))
        torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-12)
        gradients.append(weight.grad)
    torch.testing.assert_close(gradients[1], 2 * gradients[0])
    assert gradients[0].abs().max() > 1e-3


def test_a_part_of_zero_has_the_gradient_of_the_weight_itself() -> None:
    layer = made_of(wn(), [[0.0, 0.0], [3.0, 4.0]])
    ((_, weight),) = shared_weights(layer)
    (used(layer) * torch.tensor([[5.0, 7.0], [0.0, 0.0]])).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [[5.0, 7.0], [0.0, 0.0]]


@pytest.mark.parametrize("norm", [wn(), frobenius()], ids=ids)
def test_the_first_pass_is_shared_already(norm: Normalization) -> None:
    layer = made_of(norm, [[3.0, 4.0]])
    ((unit, _),) = unit_pairs(layer)
    assert used(layer).data_ptr() == unit.normalized.data_ptr()


def test_lengths_are_inverted_but_for_that_of_nothing() -> None:
    lengths = torch.tensor([2.0, 0.25, 1e-30, 1e-37, 0.0])
    torch.testing.assert_close(gains(lengths), torch.tensor([0.5, 4.0, 1e30, 1.0, 1.0]))


def test_squares_beyond_single_precision_are_added_up() -> None:
    weight = torch.tensor([[3e-30, 4e-30], [3e30, 4e30]])
    got = Unit(weight, (1,)).lengths(weight)
    torch.testing.assert_close(got[:, 0], torch.tensor([5e-30, 5e30]).double(), rtol=1e-6, atol=0)


def test_groups_are_parts_of_their_own() -> None:
    """Of a transposed convolution: (groups, c_in / groups, c_out / groups, ...)."""
    weight = torch.tensor([[3.0], [4.0], [0.0], [2.0]])
    torch.testing.assert_close(Unit(weight, (1,), 2).lengths(weight).flatten().tolist(), [5.0, 2.0])
    got = Unit(weight, (1,), 2).definition(weight)
    torch.testing.assert_close(got, torch.tensor([[0.6], [0.8], [0.0], [1.0]]))


def mixed() -> nn.Sequential:
    kinds: list[Normalization] = [wn(), bssn(), frobenius(), wn()]
    layers = [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(4, 2, 3),
        nn.Flatten(),
        nn.Linear(32, 3),
        nn.Linear(3, 1),
    ]
    torch.manual_seed(0)
    network = nn.Sequential(*layers).double()
    rest = iter(kinds)
    normalize_(network, lambda layer: next(rest)(layer), torch.zeros(1, 3, 8, 8))
    return network


def test_weights_of_several_layers_are_formed_together() -> None:
    """Those that are divided by lengths, and no others; each by its own lengths."""
    network = mixed()
    pairs = unit_pairs(network)
    names = [n for n, m in network.named_modules() if isinstance(m, Unit)]
    assert names == [f"{k}.parametrizations.weight.0" for k in (0, 3, 4)]
    assert [module for module, _ in pairs] == [network.get_submodule(n) for n in names]
    with torch.no_grad():
        for _, weight in shared_weights(network):
            weight.mul_(torch.randn_like(weight))
    Units(pairs).refresh_()
    for module, weight in shared_weights(network):
        current = module(weight).data_ptr() == module.normalized.data_ptr()
        assert current == isinstance(module, Unit)
    for unit, weight in pairs:
        torch.testing.assert_close(unit.normalized, unit.definition(weight))


def test_of_no_layers_nothing_is_formed() -> None:
    assert not unit_pairs(nn.Linear(2, 2))
    Units([]).refresh_()
