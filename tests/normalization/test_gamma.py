"""A trainable gain over another normalization."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Norm,
    Normalization,
    Upkeep,
    bn,
    bsn,
    bssn,
    clip,
    frobenius,
    gamma,
    ln,
    none,
    normalize_,
    shared_gamma,
    sn,
    sn_conv,
    ssn,
    wn,
)
from gan_lightning.normalization.gamma import Gain
from gan_lightning.normalization.shared import parameter_of
from tests.networks.made import lively
from tests.normalization.made import (
    IMAGE,
    SHAPE,
    ids,
)

KINDS = (nn.Conv2d, nn.Linear)


def gains(network: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in network.named_parameters() if name.endswith("gamma")]


@pytest.mark.parametrize("over", [sn(), bssn(1.3), wn(), frobenius(), none()], ids=ids)
@pytest.mark.parametrize("family", [gamma, shared_gamma])
def test_gamma_of_one_is_the_norm_below(over: Normalization, family: type[gamma]) -> None:
    networks = []
    for norm in (over, family(over)):
        torch.manual_seed(0)
        plain = lively(CNNDiscriminator(SHAPE, width=2)).double()
        networks.append(normalize_(plain, norm, IMAGE))
    x = torch.randn(2, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(networks[1](x), networks[0](x), rtol=1e-9, atol=0)
    for parameter in dict.fromkeys(gains(networks[1])):
        parameter.data.fill_(2.0)
    for name, layer in networks[1].named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            below = networks[0].get_submodule(name)
            assert isinstance(below, nn.Conv2d | nn.Linear)
            assert below.bias is not None
            torch.testing.assert_close(layer.weight, 2 * below.weight)
            torch.testing.assert_close(layer.bias, 2 * below.bias)


BELOW = [none(), sn(), ssn(0.7), bsn(), bssn(1.3), sn_conv(), wn(), frobenius(), clip(0.02)]
"""Every norm that a gain can go over."""


@pytest.mark.parametrize("over", BELOW, ids=ids)
@pytest.mark.parametrize("family", [gamma, shared_gamma])
def test_the_norm_below_is_the_same_after_every_update(
    over: Normalization, family: type[gamma]
) -> None:
    """Bounds, vectors and lengths are of what is trained, and never of gamma times it."""
    pair = []
    for norm in (over, family(over)):
        torch.manual_seed(0)
        pair.append(normalize_(CNNDiscriminator(SHAPE, width=2), norm, IMAGE).double())
    below, above = ([m for m in n.modules() if isinstance(m, KINDS)] for n in pair)
    upkeeps = [Upkeep(network) for network in pair]
    for size in (1.5, -2.0):
        for one, two in zip(below, above, strict=True):
            step = torch.randn_like(parameter_of(one))
            parameter_of(one).data.add_(step)
            parameter_of(two).data.add_(step)
        for gain in dict.fromkeys(gains(pair[1])):
            gain.data.fill_(size)
        for upkeep in upkeeps:
            upkeep.renew_()
        for one, two in zip(below, above, strict=True):
            assert torch.equal(parameter_of(one), parameter_of(two))
            assert torch.equal(two.weight, size * one.weight)


def test_gammas_are_per_layer_or_per_network() -> None:
    each = normalize_(CNNDiscriminator(SHAPE, width=2), gamma(), IMAGE)
    assert len(gains(each)) == 8  # scale0 to scale7 of BSSN's code
    one = shared_gamma()
    first, second = (normalize_(CNNDiscriminator(SHAPE, width=2), one, IMAGE) for _ in range(2))
    assert len(gains(first)) == len(gains(second)) == 1
    assert gains(first)[0] is not gains(second)[0]
    first(torch.randn(2, *SHAPE)).sum().backward()
    assert gains(first)[0].grad is not None
    assert gains(second)[0].grad is None
    assert len(gains(copy.deepcopy(first))) == 1


class Wraps(Normalization):
    def __call__(self, layer: nn.Module) -> nn.Module:
        return nn.Sequential(layer, nn.Identity())


@pytest.mark.parametrize("family", [gamma, shared_gamma])
def test_a_norm_that_replaces_layers_is_refused(family: type[gamma]) -> None:
    said = "goes over a norm of the weights, .* not over one that replaces a layer by a Sequential$"
    with pytest.raises(UserError, match=said):
        family(Wraps())(nn.Linear(2, 2))
    with pytest.raises(UserError, match=said):
        normalize_(nn.Linear(2, 2), family(Wraps()), torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        (bn(), "a gain of the weights changes nothing before it"),
        (ln(), "a gain of the weights changes nothing before it"),
        (gamma(), "one gain is enough"),
    ],
    ids=["bn", "ln", "gamma"],
)
def test_a_gain_goes_over_norms_of_weights(over: Normalization, reason: str) -> None:
    with pytest.raises(UserError) as caught:
        gamma(over)
    assert str(caught.value) == (
        f"over is {type(over).__name__}, but {reason}; choose a norm of the weights, such as sn, "
        "bsn or wn"
    )


def test_a_gain_goes_over_sn_unless_another_norm_is_asked_for() -> None:
    assert type(gamma().over) is type(shared_gamma().over) is sn
    assert isinstance(gamma(wn()).over, wn)


def layers_of(norm: Normalization) -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2, bias=False)).double()
    first, _, second = normalize_(network, norm, torch.zeros(1, 4)).children()
    assert isinstance(first, nn.Linear)
    assert isinstance(second, nn.Linear)
    return first, second


def test_a_gain_of_its_own_moves_its_layer_alone_and_a_shared_one_moves_all() -> None:
    for family, moves in ((gamma, [True, False]), (shared_gamma, [True, True])):
        layers = layers_of(family(wn()))
        before = [layer.weight.detach() for layer in layers]
        gains(layers[0])[0].data.fill_(-3.0)
        moved = [torch.equal(layer.weight, -3 * b) for layer, b in zip(layers, before, strict=True)]
        stayed = [torch.equal(layer.weight, b) for layer, b in zip(layers, before, strict=True)]
        assert moved == moves
        assert stayed == [not m for m in moves]


def test_the_gradient_of_a_gain_is_that_of_weight_and_bias_together() -> None:
    """``d/dgamma L(gamma w, gamma b) = <dL/dw, w> + <dL/db, b>``."""
    layer, _ = layers_of(gamma(wn()))
    (gain,) = gains(layer)
    gain.data.fill_(0.7)
    weight, bias = layer.weight, layer.bias
    x = torch.randn(5, 4, dtype=torch.float64)
    loss = (x @ weight.t() + bias).square().sum()
    (got,) = torch.autograd.grad(loss, gain, retain_graph=True)
    of_weight, of_bias = torch.autograd.grad(loss, [weight, bias])
    expected = ((of_weight * weight).sum() + (of_bias * bias).sum()) / 0.7
    torch.testing.assert_close(got, expected)


def test_a_layer_without_a_bias_gets_a_gain_and_no_bias() -> None:
    _, layer = layers_of(gamma(wn()))
    assert layer.bias is None
    assert [gain.item() for gain in gains(layer)] == [1.0]


def test_a_layer_that_knows_no_bias_gets_a_gain() -> None:
    layer = gamma(sn())(nn.Embedding(3, 2))
    with torch.no_grad():
        before = layer(torch.arange(3))
        for gain in layer.parameters():
            if gain.numel() == 1:
                gain.fill_(2.0)
    torch.testing.assert_close(layer(torch.arange(3)), 2 * before)


@pytest.mark.parametrize("family", [gamma, shared_gamma])
def test_one_layer_alone_gets_a_gain_of_its_own(family: type[gamma]) -> None:
    """Called without a network, each call stands for itself."""
    norm = family(none())
    one, two = norm(nn.Linear(2, 2)), norm(nn.Linear(2, 2))
    assert len(gains(one)) == len(gains(two)) == 1
    assert gains(one)[0] is not gains(two)[0]


class Numbered(Normalization):
    """Whose networks are told apart by the size of their weights."""

    networks = 0

    def __call__(self, layer: nn.Module) -> nn.Module:
        raise AssertionError("what is for one network takes the place of this")

    def for_network(self) -> Norm:
        self.networks += 1
        number = self.networks

        def wrap(layer: nn.Module) -> nn.Module:
            assert isinstance(layer, nn.Linear)
            nn.init.constant_(layer.weight, number)
            return layer

        return wrap


@pytest.mark.parametrize("family", [gamma, shared_gamma])
def test_what_the_norm_below_shares_it_shares_below_a_gain(family: type[gamma]) -> None:
    norm = family(Numbered())
    for network in (1, 2):
        assert {float(layer.weight.detach().unique()) for layer in layers_of(norm)} == {network}


def test_a_gain_has_the_type_of_its_layer_and_multiplies_in_that_of_its_input() -> None:
    assert all(gain.dtype == torch.float64 for gain in gains(layers_of(gamma())[0]))
    half = Gain(nn.Parameter(torch.tensor(1.5)))(torch.ones(2, dtype=torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert half.tolist() == [1.5, 1.5]
