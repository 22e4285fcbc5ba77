"""Normalized layers in every use, not only in the step's: what was silently wrong once."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
import torch._dynamo.testing
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize, vector_to_parameters

from gan_lightning.normalization import (
    Normalization,
    bn,
    bsn,
    bssn,
    frobenius,
    ln,
    power_iterate_,
    refresh_,
    sn,
    sn_conv,
    spectral_pairs,
    ssn,
    wn,
    zero_layers,
)
from gan_lightning.normalization.shared import shared_weights
from tests.normalization.made import SHAPE, conv, discriminator, ids, used

NORMS = [ssn(1.7), bssn(0.6), sn_conv(1.75), wn(), frobenius()]
EACH_FAMILY = pytest.mark.parametrize("norm", [bssn(1.2), wn(), frobenius()], ids=ids)


# ------------------------------------------------------------------------------- second derivatives


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_a_term_of_the_gradient_is_differentiated(norm: Normalization) -> None:
    """A penalty on the gradient with respect to W, against autograd through the definition."""
    layer = conv(norm)
    ((spectral, weight),) = shared_weights(layer)
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


@pytest.mark.parametrize("norm", [bsn(), wn(), frobenius()], ids=ids)
def test_gradcheck_of_the_definition(norm: Normalization) -> None:
    ((spectral, weight),) = shared_weights(conv(norm))
    assert torch.autograd.gradgradcheck(spectral.definition, (weight.detach().requires_grad_(),))


# -------------------------------------------------------------------------------- zero and extremes


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_a_kernel_recovers_from_zero(norm: Normalization) -> None:
    layer = conv(norm, torch.float32)
    ((_, weight),) = shared_weights(layer)
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
    ((_, weight),) = shared_weights(layer)
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


# --------------------------------------------------------------------------------------- compilers


EXPORTED = [(bssn(1.2), True), *((norm, False) for norm in (bssn(1.2), wn(), bn(), ln()))]


@pytest.mark.parametrize(("norm", "strict"), EXPORTED)
def test_export_sees_the_definition(norm: Normalization, strict: bool) -> None:
    network = discriminator(norm=norm).eval()
    x = torch.randn(2, *SHAPE)
    expected = network(x)
    exported = torch.export.export(network, (x,), strict=strict)
    torch.testing.assert_close(exported.module()(x), expected)


@pytest.mark.parametrize("norm", [bssn(1.2), wn(), frobenius(), bn(), ln()], ids=ids)
def test_a_compiled_network_is_compiled_once(norm: Normalization) -> None:
    """However often its weights change: to a compiler, the definition is a function of them."""
    network = discriminator(norm=norm)
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


@EACH_FAMILY
def test_the_backward_stays_in_full_precision_under_autocast(norm: Normalization) -> None:
    gradients = []
    for enabled in (False, True):
        layer = conv(norm, torch.float32)
        ((spectral, weight),) = shared_weights(layer)
        shared = spectral(weight)
        direction = torch.randn(shared.shape, generator=torch.Generator().manual_seed(0))
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            (gradient,) = torch.autograd.grad((shared * direction).sum(), weight)
        gradients.append(gradient)
    assert torch.equal(*gradients)
