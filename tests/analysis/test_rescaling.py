"""The study of BSSN App. K on small networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from gan_lightning.analysis.layers import layers_of
from gan_lightning.analysis.rescaling import SPREAD, folded, rescaling_study, spectral_norm
from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import none, normalize_, sn_conv


def chain() -> nn.Module:
    torch.manual_seed(0)
    return normalize_(CNNDiscriminator((1, 8, 8), width=2), sn_conv(), torch.zeros(1, 1, 8, 8))


def test_gradients_follow_the_rescaling_exactly() -> None:
    """|grad_{c w} D'| = prod(c) |grad_w D| / c_i: each layer's points lie on a line of slope 1."""
    network, images = chain(), torch.randn(3, 1, 8, 8)
    rows = rescaling_study(network, images, draws=3, mean=1.75)
    assert len(rows) == 3 * 7
    for layer in layers_of(network)[1:]:
        of_layer = [row for row in rows if row.layer == layer.name]
        offsets = [math.log(row.gradient / row.spectral) for row in of_layer]
        np.testing.assert_allclose(offsets, offsets[0], atol=1e-7)
        assert len({row.spectral for row in of_layer}) == 3


def test_of_linear_chains_the_points_are_on_the_diagonal() -> None:
    """D(x) = a b x with numbers: dD/da = b x, dD/db = a x, so the ratio is s(a) / s(b)."""
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    normalize_(network, none(), torch.zeros(1, 1))
    for row in rescaling_study(network, torch.tensor([[2.0], [3.0]]), draws=4):
        assert row.gradient == pytest.approx(row.spectral)


def test_the_geometric_mean_is_the_one_wanted() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    normalize_(network, none(), torch.zeros(1, 1))
    from gan_lightning.analysis.rescaling import _factors

    norms = [spectral_norm(layer) for layer in layers_of(network)]
    factors = _factors(norms, 1.75, np.random.default_rng(0))
    made = [factor * norm for factor, norm in zip(factors, norms, strict=True)]
    assert math.prod(made) == pytest.approx(1.75**2)
    assert made[0] != pytest.approx(made[1])


def test_factors_are_a_function_of_the_seed() -> None:
    """Of two numbers whose norms have mean 1: the ratio of both is that of two normal draws."""
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    for weight in network.parameters():
        nn.init.ones_(weight)
    for seed in (3, 4, 3):
        rows = rescaling_study(network, torch.tensor([[2.0]]), draws=3, seed=seed)
        rng = np.random.default_rng(seed)
        logs = [rng.normal(0.0, SPREAD, 2) for _ in range(3)]
        found = [math.log(row.spectral) for row in rows]
        np.testing.assert_allclose(found, [first - second for first, second in logs])


def test_what_is_studied_is_a_copy_with_the_used_weights() -> None:
    network, images = chain(), torch.randn(2, 1, 8, 8)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.testing.assert_close(folded(network)(images), network(images), rtol=1e-4, atol=0)
    assert not any("parametrizations" in name for name, _ in folded(network).named_parameters())
    rescaling_study(network, images, draws=1)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_network_that_is_no_such_chain_is_refused() -> None:
    curved = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    with pytest.raises(UserError, match="becomes another function when its layers are rescaled"):
        rescaling_study(curved, torch.randn(3, 2))
