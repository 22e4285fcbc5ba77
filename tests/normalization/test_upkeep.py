"""What follows an update of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.normalization import (
    Norm,
    Normalization,
    Projection,
    Upkeep,
    bn,
    bsn,
    clip,
    frobenius,
    gamma,
    none,
    normalize_,
    power_iterate_,
    refresh_,
    shared_gamma,
    sn,
    sn_conv,
    spectral_pairs,
    ssn,
    wn,
    zero_layers,
)
from gan_lightning.normalization.shared import parameter_of, shared_weights
from tests.normalization.made import discriminator

SMALL = torch.zeros(1, 2, 5, 5)


def test_zero_layers_are_named() -> None:
    network = discriminator()
    assert zero_layers(network) == []
    with torch.no_grad():
        spectral_pairs(network)[2][1].zero_()
    names = zero_layers(network)
    assert len(names) == 1
    assert isinstance(network.get_submodule(names[0]), nn.Conv2d)


def mixed() -> nn.Sequential:
    """A layer that is bounded, one of power iteration, one of unit length and one left alone."""
    torch.manual_seed(0)
    kinds: Iterator[Normalization] = iter((clip(0.05), ssn(2.0), wn(), none()))
    layers = [nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3), nn.Linear(3, 1)]
    network = nn.Sequential(*layers).double()
    normalize_(network, lambda layer: next(kinds)(layer), torch.zeros(1, 4))
    return network


def changed(network: nn.Module) -> nn.Module:
    """After a step of some optimizer."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
    return network


def vectors(network: nn.Module) -> list[Tensor]:
    return [x.clone() for spectral, _ in spectral_pairs(network) for x in spectral.vectors()[0][1:]]


def are_current(network: nn.Module) -> list[bool]:
    """Whether passes use the weights that were formed beforehand."""
    return [
        module(weight).data_ptr() == module.normalized.data_ptr()
        for module, weight in shared_weights(network)
    ]


def forms(network: nn.Module) -> None:
    for module, weight in shared_weights(network):
        torch.testing.assert_close(module.normalized, module.definition(weight))


def test_after_an_update_weights_are_bounded_iterated_and_formed() -> None:
    network = mixed()
    upkeep, before = Upkeep(network), vectors(network)
    changed(network)
    alone = network.get_parameter("3.weight").clone()
    assert are_current(network) == [False, False]
    upkeep.renew_()
    assert are_current(network) == [True, True]
    forms(network)
    assert float(network.get_parameter("0.weight").detach().abs().max()) == pytest.approx(0.05)
    assert all(not torch.equal(a, b) for a, b in zip(before, vectors(network), strict=True))
    assert torch.equal(network.get_parameter("3.weight"), alone)


@pytest.mark.parametrize("how", [lambda network: Upkeep(network).refresh_(), refresh_])
def test_a_refresh_forms_weights_without_a_bound_and_an_iteration(
    how: Callable[[nn.Module], None],
) -> None:
    network = changed(mixed())
    (_, v), bounded = vectors(network), network.get_parameter("0.weight").clone()
    how(network)
    assert are_current(network) == [True, True]
    forms(network)
    assert torch.equal(vectors(network)[1], v)
    assert torch.equal(network.get_parameter("0.weight"), bounded)


def test_one_by_one_and_looked_up_once_are_the_same_iteration() -> None:
    """But a bound is Upkeep's alone."""
    one, two = changed(mixed()), changed(mixed())
    Upkeep(one).renew_()
    power_iterate_(two)
    for (name, mine), (_, other) in zip(
        one.state_dict().items(), two.state_dict().items(), strict=True
    ):
        assert torch.equal(mine, other) == (name != "0.weight"), name
    assert are_current(two) == [True, True]
    forms(two)


def test_a_bound_comes_before_the_iteration() -> None:
    """So that what is formed is the normalized weight of what the layer then has."""

    class Raises(Projection):
        def project_(self, weight: Tensor) -> None:
            weight.data = weight + 1.0

    layer = normalize_(nn.Linear(3, 2).double(), ssn(), torch.zeros(1, 3))
    layer.projection = Raises()
    before = parameter_of(layer).detach().clone()
    Upkeep(layer).renew_()
    assert torch.equal(parameter_of(layer), before + 1.0)
    forms(layer)


def after(*norms: Normalization) -> Norm:
    """One norm of a layer after the other."""

    def each(layer: nn.Module) -> nn.Module:
        for norm in norms:
            layer = norm(layer)
        return layer

    return each


LIMIT = 0.05
OVER: dict[str, Norm] = {
    "nothing": clip(LIMIT),
    "gamma": gamma(clip(LIMIT)),
    "shared_gamma": shared_gamma(clip(LIMIT)),
    **{
        type(norm).__name__: after(clip(LIMIT), norm)
        for norm in (sn(), bsn(), sn_conv(), wn(), frobenius(), bn())
    },
    "what came before": after(ssn(2.0), clip(LIMIT)),
    "gamma and bsn": after(clip(LIMIT), bsn(), gamma(none())),
}
"""Norms with a bound, by what stands over it."""


@pytest.mark.parametrize("over", OVER)
def test_a_bound_is_one_of_what_is_trained_whatever_stands_over_it(over: str) -> None:
    """After each update every entry is where clamping puts it."""
    network = normalize_(nn.Sequential(nn.Conv2d(2, 3, 3), nn.Conv2d(3, 2, 1)), OVER[over], SMALL)
    upkeep = Upkeep(network.double())
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for _ in range(2):
        moved = [parameter_of(changed(layer)).detach().clone() for layer in layers]
        assert all(weight.abs().max() > 2 * LIMIT for weight in moved)
        upkeep.renew_()
        for layer, weight in zip(layers, moved, strict=True):
            assert torch.equal(parameter_of(layer), weight.clamp(-LIMIT, LIMIT))
        forms(network)


def test_what_is_named_projection_and_is_none_is_left_alone() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    network[0].projection = nn.Linear(2, 2)
    before = network.get_parameter("0.weight").clone()
    Upkeep(network).renew_()
    assert torch.equal(network.get_parameter("0.weight"), before)


def test_a_network_without_norms_needs_no_upkeep() -> None:
    network = nn.Linear(2, 2)
    before = network.weight.clone()
    for keep in (Upkeep(network).renew_, Upkeep(network).refresh_):
        keep()
    power_iterate_(network)
    refresh_(network)
    assert zero_layers(network) == []
    assert torch.equal(network.weight, before)


def test_zero_weights_count_where_a_norm_divides_them() -> None:
    """By the layers' own names, in the order of the network; a single entry saves a weight."""
    network = mixed()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        assert zero_layers(network) == ["1", "2"]
        network.get_parameter("1.parametrizations.weight.original")[0, 0] = 1e-30
    assert zero_layers(network) == ["2"]
    assert zero_layers(nn.ModuleDict({"inner": network})) == ["inner.2"]


def test_a_network_of_one_layer_is_named_by_its_class() -> None:
    network = nn.Linear(2, 2)
    normalize_(network, sn(), torch.zeros(1, 2))
    with torch.no_grad():
        network.get_parameter("parametrizations.weight.original").zero_()
    assert zero_layers(network) == [type(network).__name__]
