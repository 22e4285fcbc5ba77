"""Which layers of a network a norm is given, and what it may make of them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Norm,
    Normalization,
    clip,
    frobenius,
    none,
    normalize_,
    sn,
    sn_conv,
    spectral_pairs,
    ssn,
    wn,
)
from tests.normalization.made import IMAGE, SHAPE, Siamese, ids


def test_none_leaves_the_layer() -> None:
    layer = nn.Linear(3, 2)
    assert normalize_(layer, none(), torch.zeros(1, 3)) is layer
    assert not hasattr(layer, "parametrizations")


def test_any_callable_serves_and_its_layers_are_replaced() -> None:
    network = normalize_(
        CNNDiscriminator((3, 8, 8), width=4),
        lambda layer: nn.Sequential(layer, nn.Identity()),
        torch.zeros(1, 3, 8, 8),
    )
    replaced = [layer for layer in network.modules() if isinstance(layer, nn.Identity)]
    assert len(replaced) == 8
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 1)


def test_a_layer_in_several_places_is_wrapped_once_and_everywhere() -> None:
    calls: list[nn.Module] = []

    def wrap(layer: nn.Module) -> nn.Module:
        calls.append(layer)
        return nn.Sequential(layer, nn.Identity())

    network = Siamese()
    normalize_(network, wrap, torch.zeros(1, 4))
    assert len(calls) == 2
    assert network.body[0] is network.body[2] is network.again
    assert isinstance(network.again, nn.Sequential)
    spectral = Siamese()
    normalize_(spectral, ssn(2.0), torch.zeros(1, 4))
    assert len(spectral_pairs(spectral)) == 2


def test_what_is_left_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
            self.linear = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.linear(self.attention(x, x, x, need_weights=False)[0])
            return out

    with caplog.at_level(logging.WARNING):
        normalize_(Attends(), sn(), torch.zeros(1, 3, 4))
    assert [record.message for record in caplog.records] == [
        "The norm sn leaves these weights as they are: attention.in_proj_weight"
    ]
    caplog.clear()
    normalize_(Attends(), none(), torch.zeros(1, 3, 4))
    normalize_(CNNDiscriminator(SHAPE, width=1), sn(), IMAGE)
    assert not caplog.records


def test_a_norm_that_returns_nothing_is_refused() -> None:
    def nothing(layer: nn.Module) -> nn.Module:
        return None  # type: ignore[return-value]  # the mistake

    with pytest.raises(UserError, match="returned NoneType for a Linear"):
        normalize_(CNNDiscriminator(SHAPE, width=1), nothing, IMAGE)
    with pytest.raises(
        UserError, match=r"^the norm nothing returned NoneType for a Linear; it must"
    ):
        normalize_(nn.Linear(2, 2), nothing, torch.zeros(1, 2))


class Parts(nn.Module):
    """Layers in a list, a dictionary and a sequence, among what is no layer of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.eye(4))
        self.list = nn.ModuleList([nn.Linear(4, 4), nn.LayerNorm(4)])
        self.dict = nn.ModuleDict({"own": nn.Linear(4, 4), "act": nn.PReLU(4)})
        inner = nn.Sequential(nn.Bilinear(4, 4, 4), nn.Linear(4, 1))
        self.body = nn.Sequential(nn.Flatten(), inner)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dict["act"](self.dict["own"](self.list[1](self.list[0](x)))) @ self.mix
        mixing, last = self.body[1].children()
        out: Tensor = last(mixing(self.body[0](x), x))
        return out


def test_layers_of_weights_are_offered_wherever_they_stand_and_nothing_else() -> None:
    offered: list[nn.Module] = []

    def wrap(layer: nn.Module) -> nn.Module:
        offered.append(layer)
        return layer

    network = Parts()
    layers = {network.list[0], network.dict["own"], network.get_submodule("body.1.1")}
    assert normalize_(network, wrap, torch.zeros(1, 4)) is network
    assert len(offered) == 3
    assert set(offered) == layers


def test_weights_of_the_network_itself_and_of_other_layers_are_left_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        normalize_(Parts(), lambda layer: layer, torch.zeros(1, 4))
    assert [record.message for record in caplog.records] == [
        "The norm <lambda> leaves these weights as they are: mix, body.1.0.weight"
    ]


def test_a_norm_knows_where_a_layer_stands_before_it_wraps_it() -> None:
    stands: list[object] = []

    def wrap(layer: nn.Module) -> nn.Module:
        stands.append((layer.input_shapes, layer.is_output))
        return nn.Sequential(layer)

    normalize_(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 1)), wrap, IMAGE)
    assert stands == [((SHAPE,), False), (((72,),), True)]


class Counting(Normalization):
    """Numbers the layers of one network."""

    networks = 0

    def __call__(self, layer: nn.Module) -> nn.Module:
        raise AssertionError("what is for one network takes the place of this")

    def for_network(self) -> Norm:
        self.networks += 1
        seen: list[nn.Module] = []

        def wrap(layer: nn.Module) -> nn.Module:
            seen.append(layer)
            return nn.ModuleDict({f"{self.networks}.{len(seen)}".replace(".", "-"): layer})

        return wrap


def test_what_layers_share_is_made_once_for_each_network() -> None:
    norm = Counting()
    names = []
    for _ in range(2):
        network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        normalize_(network, norm, torch.zeros(1, 2))
        names.append([key for made in network for key, _ in made.named_children()])
    assert names == [["1-1", "1-2"], ["2-1", "2-2"]]


def test_a_single_layer_becomes_what_the_norm_makes_of_it() -> None:
    layer = nn.Linear(2, 2)
    made = normalize_(layer, lambda own: nn.Sequential(own, nn.ReLU()), torch.zeros(1, 2))
    assert isinstance(made, nn.Sequential)
    assert made[0] is layer


def test_a_network_without_layers_stays() -> None:
    network = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert normalize_(network, sn(), torch.zeros(1, 2)) is network
    assert not list(network.parameters())


@pytest.mark.parametrize("norm", [sn(), sn_conv(), wn(), frobenius()], ids=ids)
def test_a_weight_that_is_a_function_already_is_refused(norm: Normalization) -> None:
    """Whoever made it one, with the norm's name and the layer's kind; a bound goes over it."""
    made: list[Callable[[nn.Module], nn.Module]] = [
        sn(),
        wn(),
        nn.utils.parametrizations.weight_norm,
    ]
    for make in made:
        layer = make(nn.Linear(3, 2))
        with pytest.raises(
            UserError,
            match=f"^norm {type(norm).__name__} finds a ParametrizedLinear whose weight is "
            "parametrized already; a norm such as gamma goes over it, not under it$",
        ):
            norm(layer)
    biased = nn.Linear(3, 2)
    nn.utils.parametrize.register_parametrization(biased, "bias", nn.Tanh())
    assert norm(biased) is biased
    assert clip()(layer) is layer
