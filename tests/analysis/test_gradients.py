"""Gradient norms against closed forms, and against BSSN's App. C."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.analysis.gradients import gradient_norms, total_norm
from gan_lightning.analysis.layers import layers_of
from gan_lightning.normalization import normalize_, power_iterate_, ssn


def test_of_a_linear_critic_it_is_the_distance_of_the_means() -> None:
    """L = E D(G(z)) - E D(x) with D(x) = w x + b: dL/dw = E G(z) - E x, b does not count."""
    critic = nn.Sequential(nn.Linear(2, 1))
    real, fake = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[5.0, 4.0], [5.0, 4.0]])
    loss = critic(fake).mean() - critic(real).mean()
    norms = gradient_norms(loss, layers_of(critic))
    assert norms["0"].item() == pytest.approx(5.0)  # of (3, 4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_of_a_normalized_layer_it_is_that_of_the_trained_weight(scale: float) -> None:
    """BSSN App. C: 1 / s(w) (grad_w' D - (...) u v^T), here for c w / s(w) with exact u, v."""
    torch.manual_seed(0)
    linear = nn.Linear(4, 3, bias=False).double()
    W = linear.weight.detach().clone()
    layer = nn.Sequential(linear)
    normalize_(layer, ssn(scale), torch.zeros(1, 4, dtype=torch.float64))
    for _ in range(200):
        power_iterate_(layer)
    x = torch.randn(5, 4, dtype=torch.float64)
    norms = gradient_norms(layer(x).square().sum(), layers_of(layer))

    left, values, right = torch.linalg.svd(W)
    u, v, sigma = left[:, 0], right[0], values[0]
    N = scale * W / sigma
    G = 2 * (x @ N.T).T @ x
    expected = scale / sigma * (G - (G * N).sum() / scale * torch.outer(u, v))
    assert norms["0"].item() == pytest.approx(expected.norm().item(), rel=1e-9)


def test_tiny_and_huge_gradients_are_numbers_and_zeros_are_zero() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1))
    factor: Tensor = network[0](torch.ones(1, 2)).sum() * 1e-30
    loss = factor + 1e30 * network[1](torch.ones(1, 2)).sum()
    norms = gradient_norms(loss, layers_of(network))
    assert norms["0"].item() == pytest.approx(1e-30 * 2, rel=1e-6, abs=0)
    assert norms["1"].item() == pytest.approx(1e30 * 2, rel=1e-6)
    assert norms["2"].item() == 0.0


def test_the_total_is_the_norm_of_all() -> None:
    assert total_norm([torch.tensor(3.0), torch.tensor(4.0)]).item() == 5.0
    assert math.isclose(total_norm([torch.tensor(2.0)]).item(), 2.0)
