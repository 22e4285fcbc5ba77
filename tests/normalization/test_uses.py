"""Normalized layers in every use, not only in the step's: what was silently wrong once."""

from __future__ import annotations

import pickle

import pytest
import torch
import torch._dynamo.testing
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.normalization import (
    Normalization,
    bn,
    bsn,
    bssn,
    frobenius,
    ln,
    power_iterate_,
    sn_conv,
    ssn,
    wn,
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


# --------------------------------------------------------------------------------------- compilers


EXPORTED = [(bssn(1.2), True), *((norm, False) for norm in (bssn(1.2), wn(), bn(), ln()))]


@pytest.mark.parametrize(("norm", "strict"), EXPORTED)
def test_export_sees_the_definition(norm: Normalization, strict: bool) -> None:
    network = discriminator(norm=norm).eval()
    x = torch.randn(2, *SHAPE)
    expected = network(x)
    exported = torch.export.export(network, (x,), strict=strict)
    torch.testing.assert_close(exported.module()(x), expected, rtol=1e-4, atol=0)


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
        torch.testing.assert_close(loss, network(x).square().sum(), rtol=1e-4, atol=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        power_iterate_(network)
    assert counter.frame_count == 1


def test_pickling_is_left_to_state_dicts() -> None:
    """Torch does not pickle parametrized modules, and says so."""
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(discriminator())


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
