"""The normalized weight that all passes of one version share: when it is used, and when not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, vector_to_parameters

from gan_lightning.normalization import (
    Normalization,
    bsn,
    bssn,
    frobenius,
    power_iterate_,
    refresh_,
    sn,
    spectral_pairs,
    wn,
)
from gan_lightning.normalization.shared import shared_weights
from tests.normalization.made import (
    SHAPE,
    conv,
    discriminator,
    ids,
    make,
    used,
)

EACH_FAMILY = pytest.mark.parametrize("norm", [bssn(1.2), wn(), frobenius()], ids=ids)


def test_weights_changed_by_others_are_noticed() -> None:
    module = make("conv3", bsn())
    ((parametrization, weight),) = spectral_pairs(module)
    with torch.no_grad():
        weight *= 3  # a scaled weight is normalized to the same
    torch.testing.assert_close(module.weight, parametrization.normalized)
    with torch.no_grad():
        weight += torch.randn_like(weight)
    assert not module.weight.allclose(parametrization.normalized)  # type: ignore[operator]
    torch.testing.assert_close(module.weight, parametrization.definition(weight))


def stale(network: nn.Module) -> float:
    """How far what the layers use is from the definition, relative."""
    worst = 0.0
    for spectral, weight in shared_weights(network):
        defined = spectral.definition(weight)
        worst = max(worst, float(((spectral(weight) - defined).norm() / defined.norm()).detach()))
    return worst


@EACH_FAMILY
def test_a_copy_does_not_take_the_mark_along(norm: Normalization) -> None:
    """Its tensors count versions anew: some number of changes meets the old mark again."""
    network = discriminator(norm=norm)
    for _ in range(5):
        with torch.no_grad():
            for _, weight in shared_weights(network):
                weight.add_(0)
        power_iterate_(network)
    other = copy.deepcopy(network)
    for seed in range(1, 12):
        other.load_state_dict(discriminator(seed, norm).state_dict())
        assert stale(other) < 1e-5, seed


def negated(network: nn.Module) -> None:
    for _, weight in shared_weights(network):
        weight.neg_()


def in_place(network: nn.Module) -> None:
    for _, weight in shared_weights(network):
        weight.mul_(torch.randn_like(weight))


def through_vector_to_parameters(network: nn.Module) -> None:
    vector = torch.randn(sum(p.numel() for p in network.parameters()))
    vector_to_parameters(vector, network.parameters())


def data_replaced(network: nn.Module) -> None:
    for _, weight in shared_weights(network):
        weight.data = torch.randn_like(weight)


def another(network: nn.Module) -> dict[str, Tensor]:
    """The state of such a network with other weights."""
    other = copy.deepcopy(network)
    in_place(other)
    for _ in range(15):
        power_iterate_(other)
    return other.state_dict()


def loaded(network: nn.Module) -> None:
    network.load_state_dict(another(network))


def assigned(network: nn.Module) -> None:
    network.load_state_dict(another(network), assign=True)


def cast(network: nn.Module) -> None:
    network.double()


def half_and_back(network: nn.Module) -> None:
    network.bfloat16().float()


def what_is_handed_out(network: nn.Module) -> None:
    for layer in network.modules():
        if parametrize.is_parametrized(layer):
            used(layer).mul_(2)


CHANGES = [
    negated,
    in_place,
    through_vector_to_parameters,
    data_replaced,
    loaded,
    assigned,
    cast,
    half_and_back,
    what_is_handed_out,
]


@EACH_FAMILY
@pytest.mark.parametrize("change", CHANGES)
def test_changes_by_others_are_noticed(
    change: Callable[[nn.Module], None], norm: Normalization
) -> None:
    network = discriminator(norm=norm)
    with torch.no_grad():
        change(network)
    assert stale(network) < 1e-5
    for spectral, weight in shared_weights(network):
        assert spectral(weight).abs().max() < 1e3 * getattr(spectral, "scale", 1)
    refresh_(network)
    assert stale(network) < 1e-5
    before = copy.deepcopy(network.state_dict())
    refresh_(network)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_a_trained_network_moves_between_types() -> None:
    network = discriminator()
    x = torch.randn(2, *SHAPE)
    expected = network(x)
    network.double()
    torch.testing.assert_close(network(x.double()).float(), expected, rtol=1e-4, atol=1e-5)
    network.float()
    power_iterate_(network)
    assert stale(network) < 1e-5


def test_a_backward_after_the_weight_has_changed_is_an_error() -> None:
    layer = conv(sn())
    ((_, weight),) = spectral_pairs(layer)
    loss = layer(torch.randn(1, *SHAPE, dtype=torch.float64)).sum()
    with torch.no_grad():
        weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
