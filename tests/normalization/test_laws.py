"""What each normalization of a weight promises, for every kind of layer, in float64."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch

from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    Upkeep,
    bssn,
    frobenius,
    normalize_,
    power_iterate_,
    refresh_,
    wn,
)
from gan_lightning.normalization.shared import shared_weights
from tests.normalization.made import LAYERS, SPECTRAL, discriminator, make, named, used

NORMS: list[Normalization] = [*SPECTRAL, wn(), frobenius()]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("norm", NORMS, ids=named)
def test_backward_is_that_of_the_definition(layer: str, norm: Normalization) -> None:
    """SNGAN Eq. 12, against autograd through scale * W / (u^T W v) or W / ||W||."""
    module = make(layer, norm)
    power_iterate_(module)
    ((parametrization, weight),) = shared_weights(module)
    direction = torch.randn_like(weight)
    shared, defined = parametrization(weight), parametrization.definition(weight)
    torch.testing.assert_close(shared, defined, rtol=0, atol=1e-14)
    (fast,) = torch.autograd.grad((shared * direction).sum(), weight)
    (slow,) = torch.autograd.grad((defined * direction).sum(), weight)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("norm", NORMS, ids=named)
def test_passes_of_one_version_share_one_tensor(norm: Normalization) -> None:
    """That of the definition; and not that of an older version."""
    module = make("conv3", norm)
    upkeep = Upkeep(module)
    ((shared, weight),) = shared_weights(module)
    for _ in range(3):
        assert used(module).data_ptr() == used(module).data_ptr() == shared.normalized.data_ptr()
        torch.testing.assert_close(used(module), shared.definition(weight), rtol=0, atol=1e-14)
        with torch.no_grad():
            weight += torch.randn_like(weight)
        assert used(module).data_ptr() != shared.normalized.data_ptr()
        upkeep.renew_()


@pytest.mark.parametrize("norm", NORMS, ids=named)
def test_passes_and_evaluation_move_nothing(norm: Normalization) -> None:
    network = normalize_(CNNDiscriminator((3, 8, 8), width=4), norm, torch.zeros(1, 3, 8, 8))
    before = copy.deepcopy(network.state_dict())
    x = torch.randn(2, 3, 8, 8)
    for training in (True, False):
        network.train(training)
        network(x).sum().backward()
        refresh_(network)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("norm", [bssn(1.2), wn(), frobenius()], ids=named)
def test_copies_casts_and_checkpoints_keep_the_normalized_weight(norm: Normalization) -> None:
    network = discriminator(norm=norm)
    power_iterate_(network)
    x = torch.randn(2, 3, 8, 8)
    expected = network(x)
    near = partial(torch.testing.assert_close, rtol=1e-4, atol=0)
    near(copy.deepcopy(network)(x), expected)
    near(copy.deepcopy(network).double()(x.double()), expected.double())
    other = discriminator(seed=1, norm=norm)
    assert not torch.allclose(other(x), expected)
    other.load_state_dict(network.state_dict())
    near(other(x), expected)
    refresh_(other)
    assert torch.equal(other(x), expected)  # to the last bit: what exact resume stands on
