"""What a norm wraps, where a layer stands, and norms that stack or bound weights."""

from __future__ import annotations

import copy
import logging

import pytest
import torch
import torch._dynamo.testing
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator, ProjectionCNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    Upkeep,
    bsn,
    bssn,
    clip,
    frobenius,
    gamma,
    none,
    normalize_,
    power_iterate_,
    shared_gamma,
    sn,
    sn_conv,
    spectral_pairs,
    ssn,
    wn,
)
from tests.normalization.made import IMAGE, SHAPE, conv, ids, used

# --------------------------------------------------------------------------------- what is wrapped


LAYERS: dict[str, tuple[nn.Module, Tensor]] = {
    "Conv1d": (nn.Conv1d(3, 4, 3), torch.zeros(1, 3, 6)),
    "Conv3d": (nn.Conv3d(2, 3, (2, 3, 1)), torch.zeros(1, 2, 4, 5, 3)),
    "ConvTranspose1d": (nn.ConvTranspose1d(3, 4, 3, stride=2), torch.zeros(1, 3, 6)),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 3, 2), torch.zeros(1, 2, 3, 3, 3)),
    "dilated": (nn.Conv2d(2, 3, 3, dilation=2), torch.zeros(1, 2, 7, 7)),
    "Embedding": (nn.Embedding(5, 4), torch.zeros(1, dtype=torch.int64)),
    "Linear": (nn.Linear(5, 4), torch.zeros(1, 5)),
}


def operator_norm(layer: nn.Module, example: Tensor) -> float:
    shape = example.shape[1:]
    basis = torch.eye(shape.numel(), dtype=torch.float64).reshape(-1, *shape)
    with torch.no_grad():
        columns = layer(basis) - layer(torch.zeros_like(basis))
    return float(torch.linalg.svdvals(columns.flatten(1))[0])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("norm", [sn(), bsn(), sn_conv()], ids=ids)
def test_every_kind_of_layer_is_normalized(name: str, norm: Normalization) -> None:
    plain, example = copy.deepcopy(LAYERS[name])
    plain.double()
    with torch.no_grad():
        next(plain.parameters()).abs_()
    layer = normalize_(plain, norm, example)
    for _ in range(200):
        power_iterate_(layer)
    weight = used(layer).detach()
    out, into = (
        float(torch.linalg.svdvals(weight.transpose(0, axis).flatten(1))[0]) for axis in (0, 1)
    )
    if "Transpose" in name:
        out, into = into, out
    if name in ("Embedding", "Linear"):
        got = float(torch.linalg.svdvals(weight)[0])
    elif isinstance(norm, sn_conv):
        got = operator_norm(layer, example)
    else:
        got = (out + into) / 2 if isinstance(norm, bsn) else out
    assert got == pytest.approx(1, abs=1e-9)


class Siamese(nn.Module):
    """One layer in two places, and one place in a list."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Linear(4, 4)
        self.body = nn.Sequential(shared, nn.ReLU(), shared)
        self.again = shared
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.again(self.body(x)))
        return out


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


def test_layers_know_their_inputs_and_whether_they_are_the_last() -> None:
    network = Siamese()
    normalize_(network, none(), torch.zeros(1, 4))
    assert network.again.input_shapes == ((4,),)
    assert [network.again.is_output, network.head.is_output] == [False, True]
    projection = ProjectionCNNDiscriminator(SHAPE, 5, width=1)
    normalize_(projection, none(), IMAGE, torch.zeros(1, dtype=torch.int64))
    outputs = {n for n, m in projection.named_modules() if getattr(m, "is_output", False)}
    assert outputs == {"linear", "embed"}
    assert projection.features[2].input_shapes == ((1, 8, 8),)


def test_the_probe_leaves_no_trace() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Conv2d(2, 1, 3))
    network[1].eval()
    state, random = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    normalize_(network, none(), IMAGE)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    assert [network.training, network[1].training] == [True, False]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network[0]._forward_hooks


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
    with pytest.raises(UserError, match="returned NoneType for a Linear"):
        normalize_(CNNDiscriminator(SHAPE, width=1), lambda layer: None, IMAGE)  # type: ignore[arg-type, return-value]


class Elsewhere(nn.Module):
    """Uses a layer at two sizes, and another one never."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.never = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
        self.uses_never = False

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.twice(x) if self.uses_never else self.twice(self.twice(x))
        return out


def test_strict_norm_wants_one_input_shape() -> None:
    with pytest.raises(UserError, match="a Conv2d is used on inputs of 2 shapes; use sn"):
        normalize_(Elsewhere(), sn_conv(), torch.zeros(1, 1, 8, 8))
    network = Elsewhere()
    network.uses_never = True
    with pytest.raises(UserError, match="a Conv2d is used on inputs of 0 shapes; use sn"):
        normalize_(network, sn_conv(), torch.zeros(1, 1, 8, 8))


# ------------------------------------------------------------------------------ gains and clipping


def gains(network: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in network.named_parameters() if name.endswith("gamma")]


@pytest.mark.parametrize("over", [sn(), bssn(1.3), wn(), frobenius(), none()], ids=ids)
@pytest.mark.parametrize("family", [gamma, shared_gamma])
def test_gamma_of_one_is_the_norm_below(over: Normalization, family: type[gamma]) -> None:
    networks = []
    for norm in (over, family(over)):
        torch.manual_seed(0)
        networks.append(normalize_(CNNDiscriminator(SHAPE, width=2), norm, IMAGE))
    x = torch.randn(2, *SHAPE)
    torch.testing.assert_close(networks[1](x), networks[0](x))
    for parameter in dict.fromkeys(gains(networks[1])):
        parameter.data.fill_(2.0)
    for name, layer in networks[1].named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            below = networks[0].get_submodule(name)
            assert isinstance(below, nn.Conv2d | nn.Linear)
            assert below.bias is not None
            torch.testing.assert_close(layer.weight, 2 * below.weight)
            torch.testing.assert_close(layer.bias, 2 * below.bias)


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


def test_norms_that_do_not_stack_are_refused() -> None:
    with pytest.raises(UserError, match="whose weight is parametrized already"):
        sn()(conv(sn()))
    with pytest.raises(UserError, match="goes over a norm of the weights"):
        gamma(Wraps())(nn.Linear(2, 2))


class Wraps(Normalization):
    def __call__(self, layer: nn.Module) -> nn.Module:
        return nn.Sequential(layer, nn.Identity())


def test_clip_bounds_after_updates_and_only_then() -> None:
    network = normalize_(
        nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)), clip(0.1), torch.zeros(1, 3)
    )
    before = copy.deepcopy(network.state_dict())
    assert max(v.abs().max() for v in before.values()) > 0.1
    network(torch.randn(2, 3))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    Upkeep(network).refresh_()
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    Upkeep(network).renew_()
    for name, value in network.state_dict().items():
        expected = before[name].clamp(-0.1, 0.1) if name.endswith("weight") else before[name]
        assert torch.equal(value, expected)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("inf"), float("nan")])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(UserError, match="limit must be a finite number > 0"):
        clip(limit)
