"""Normalized layers in every use, not only in the step's: what was silently wrong once."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable

import pytest
import torch
import torch._dynamo.testing
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize, vector_to_parameters

from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator, ProjectionCNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    Upkeep,
    bsn,
    bssn,
    clip,
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
    zero_layers,
)

NORMS = [ssn(1.7), bssn(0.6), sn_conv(1.75)]
SHAPE = (3, 8, 8)
IMAGE = torch.zeros(1, *SHAPE)


def ids(norm: Normalization) -> str:
    return type(norm).__name__


def conv(norm: Normalization, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return normalize_(nn.Conv2d(3, 4, 3, padding=1).to(dtype), norm, IMAGE)


def used(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


# ------------------------------------------------------------------------------- second derivatives


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_a_term_of_the_gradient_is_differentiated(norm: Normalization) -> None:
    """A penalty on the gradient with respect to W, against autograd through the definition."""
    layer = conv(norm)
    ((spectral, weight),) = spectral_pairs(layer)
    x = torch.randn(2, *SHAPE, dtype=torch.float64)

    def total(normalized: Tensor) -> Tensor:
        loss = F.conv2d(x, normalized).square().sum()
        (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
        return loss + gradient.square().sum()

    (fast,) = torch.autograd.grad(total(spectral(weight)), weight)
    (slow,) = torch.autograd.grad(total(spectral.definition(weight)), weight)
    (without,) = torch.autograd.grad(F.conv2d(x, spectral(weight)).square().sum(), weight)
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)
    assert (fast - without).norm() > 0.1 * without.norm()
    total(spectral(weight)).backward()
    torch.testing.assert_close(weight.grad, slow, rtol=1e-10, atol=1e-10)


def test_gradcheck_of_the_definition() -> None:
    ((spectral, weight),) = spectral_pairs(conv(bsn()))
    assert torch.autograd.gradgradcheck(spectral.definition, (weight.detach().requires_grad_(),))


# -------------------------------------------------------------------------------- zero and extremes


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_a_kernel_recovers_from_zero(norm: Normalization) -> None:
    layer = conv(norm, torch.float32)
    ((_, weight),) = spectral_pairs(layer)
    old = weight.detach().clone()
    with torch.no_grad():
        weight.zero_()
    power_iterate_(layer)
    assert torch.equal(used(layer), torch.zeros_like(old))
    layer(torch.randn(2, *SHAPE)).sum().backward()
    assert weight.grad is not None
    assert 0 < weight.grad.norm() < 1e4  # so that optimizers can leave zero
    with torch.no_grad():
        weight.copy_(old)
    for _ in range(300):
        power_iterate_(layer)
    fresh = conv(norm, torch.float32)
    for _ in range(300):
        power_iterate_(fresh)
    torch.testing.assert_close(used(layer), used(fresh), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS, ids=ids)
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e-12, 1e-3, 1e3, 1e12, 1e30])
def test_the_normalized_weight_does_not_depend_on_the_size_of_the_weight(
    norm: Normalization, size: float
) -> None:
    layer = conv(norm, torch.float32)
    ((_, weight),) = spectral_pairs(layer)
    for _ in range(100):
        power_iterate_(layer)
    before = used(layer).detach().clone()
    with torch.no_grad():
        weight.mul_(size)
    power_iterate_(layer)
    torch.testing.assert_close(used(layer).detach(), before, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------ copies, casts and surgery


def stale(network: nn.Module) -> float:
    """How far what the layers use is from the definition, relative."""
    worst = 0.0
    for spectral, weight in spectral_pairs(network):
        defined = spectral.definition(weight)
        worst = max(worst, float(((spectral(weight) - defined).norm() / defined.norm()).detach()))
    return worst


def discriminator(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return normalize_(CNNDiscriminator(SHAPE, width=4), bssn(1.2), IMAGE)


def test_a_copy_does_not_take_the_mark_along() -> None:
    """Its tensors count versions anew: some number of changes meets the old mark again."""
    network = discriminator()
    for _ in range(5):
        with torch.no_grad():
            for _, weight in spectral_pairs(network):
                weight.add_(0)
        power_iterate_(network)
    other = copy.deepcopy(network)
    for seed in range(1, 12):
        other.load_state_dict(discriminator(seed).state_dict())
        assert stale(other) < 1e-5, seed


def negated(network: nn.Module) -> None:
    for _, weight in spectral_pairs(network):
        weight.neg_()


def in_place(network: nn.Module) -> None:
    for _, weight in spectral_pairs(network):
        weight.mul_(torch.randn_like(weight))


def through_vector_to_parameters(network: nn.Module) -> None:
    vector = torch.randn(sum(p.numel() for p in network.parameters()))
    vector_to_parameters(vector, network.parameters())


def data_replaced(network: nn.Module) -> None:
    for _, weight in spectral_pairs(network):
        weight.data = torch.randn_like(weight)


def loaded(network: nn.Module) -> None:
    network.load_state_dict(discriminator(1).state_dict())


def assigned(network: nn.Module) -> None:
    network.load_state_dict(discriminator(1).state_dict(), assign=True)


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


@pytest.mark.parametrize("change", CHANGES)
def test_changes_by_others_are_noticed(change: Callable[[nn.Module], None]) -> None:
    network = discriminator()
    with torch.no_grad():
        change(network)
    assert stale(network) < 1e-5
    for spectral, weight in spectral_pairs(network):
        assert spectral(weight).abs().max() < 1e3 * spectral.scale
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


@pytest.mark.parametrize("over", [sn(), bssn(1.3), none()], ids=ids)
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
            factor = 1 if layer.is_output else 2
            assert isinstance(below, nn.Conv2d | nn.Linear)
            assert below.bias is not None
            torch.testing.assert_close(layer.weight, factor * below.weight)
            torch.testing.assert_close(layer.bias, factor * below.bias)


def test_gammas_are_per_layer_or_per_network() -> None:
    each = normalize_(CNNDiscriminator(SHAPE, width=2), gamma(), IMAGE)
    assert len(gains(each)) == 7
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


# --------------------------------------------------------------------------------------- compilers


def test_export_sees_the_definition() -> None:
    network = discriminator().eval()
    x = torch.randn(2, *SHAPE)
    expected = network(x)
    exported = torch.export.export(network, (x,), strict=False)
    torch.testing.assert_close(exported.module()(x), expected)


def test_a_compiled_network_is_compiled_once() -> None:
    """However often its weights change: to a compiler, the definition is a function of them."""
    network = discriminator()
    counter = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(network, backend=counter)
    x = torch.randn(2, *SHAPE)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(12):
        loss = compiled(x).square().sum()
        torch.testing.assert_close(loss, network(x).square().sum())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        power_iterate_(network)
    assert counter.frame_count == 1


def test_pickling_is_left_to_state_dicts() -> None:
    """Torch does not pickle parametrized modules, and says so."""
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(discriminator())


def test_gradients_in_any_memory_order() -> None:
    layer = conv(bssn(1.2))
    ((spectral, weight),) = spectral_pairs(layer)
    direction = torch.randn(*weight.shape, dtype=torch.float64)  # NCHW, while the kernel is NHWC
    assert not direction.is_contiguous(memory_format=torch.channels_last)
    (fast,) = torch.autograd.grad(spectral(weight), weight, direction)
    (slow,) = torch.autograd.grad(spectral.definition(weight), weight, direction)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-13)


def test_zero_layers_are_named() -> None:
    network = discriminator()
    assert zero_layers(network) == []
    with torch.no_grad():
        spectral_pairs(network)[2][1].zero_()
    names = zero_layers(network)
    assert len(names) == 1
    assert isinstance(network.get_submodule(names[0]), nn.Conv2d)


def test_sigma_stays_in_full_precision_under_autocast() -> None:
    """A bf16 run's estimate against the float64 SVD of the same weights."""
    network = discriminator()
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(300):
            power_iterate_(network)
        assert network(torch.randn(2, *SHAPE)).dtype == torch.bfloat16
        estimates = [1.2 / float(spectral.gain) for spectral, _ in spectral_pairs(network)]
    for estimate, (spectral, weight) in zip(estimates, spectral_pairs(network), strict=True):
        w = weight.detach().double()
        sides = [w.flatten(1)] if w.ndim == 2 else [w.flatten(1), w.transpose(0, 1).flatten(1)]
        exact = sum(float(torch.linalg.svdvals(side)[0]) for side in sides) / len(sides)
        assert estimate == pytest.approx(exact, rel=1e-4), spectral


def test_the_backward_stays_in_full_precision_under_autocast() -> None:
    gradients = []
    for enabled in (False, True):
        layer = conv(bssn(1.2), torch.float32)
        ((spectral, weight),) = spectral_pairs(layer)
        shared = spectral(weight)
        direction = torch.randn(shared.shape, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            (gradient,) = torch.autograd.grad((shared * direction).sum(), weight)
        gradients.append(gradient)
    assert torch.equal(*gradients)
