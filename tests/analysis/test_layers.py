"""Layers, their weights and the theorems' bounds."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from gan_lightning.analysis.layers import layers_of, variances
from gan_lightning.normalization import bssn, gamma, none, normalize_, sn


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1))


def test_layers_have_their_names_and_stand_once() -> None:
    made = network()
    made.add_module("again", made[0])
    assert [layer.name for layer in layers_of(made)] == ["0", "3"]


@pytest.mark.parametrize("norm", [none(), sn(), bssn(1.4), gamma(sn())])
def test_the_trained_weight_is_what_the_optimizer_has(norm: sn) -> None:
    made = network()
    before = [parameter.detach().clone() for parameter in made.parameters() if parameter.ndim > 1]
    normalize_(made, norm, torch.zeros(1, 2, 4, 4))
    layers = layers_of(made)
    for layer, weight in zip(layers, before, strict=True):
        (trained,) = layer.trained
        assert torch.equal(trained, weight)
        assert any(trained is parameter for parameter in made.parameters())
        assert torch.equal(layer.used, layer.module.weight)
        assert torch.equal(layer.used, trained) == isinstance(norm, none)
        assert parametrize.is_parametrized(layer.module) != isinstance(norm, none)
    assert layers[0].scale == (1.4 if isinstance(norm, bssn) else 1.0)


def test_matrices_by_hand() -> None:
    """Entry (o, i, h, w) of a kernel of ones at one place, found in the right row."""
    for kind, shape in ((nn.Conv2d, (3, 2, 2, 2)), (nn.ConvTranspose2d, (2, 3, 2, 2))):
        layer = kind(2, 3, 2)
        with torch.no_grad():
            layer.weight.zero_()
            layer.weight[(1, 0) if kind is nn.Conv2d else (0, 1)] = torch.ones(2, 2)
        (made,) = layers_of(nn.Sequential(layer))
        assert made.used.shape == shape
        assert made.unfolded().sum(1).tolist() == [0.0, 4.0, 0.0]
        assert made.unfolded(inwards=True).sum(1).tolist() == [4.0, 0.0]


def test_bounds_by_hand() -> None:
    """BSSN Eq. 3 and Theorem 3, with its condition k_h k_w >= max(c_out / c_in, c_in / c_out)."""
    layers = [nn.Conv2d(4, 6, 3), nn.Conv2d(1, 10, 3), nn.Conv2d(1, 9, 3), nn.Linear(5, 7)]
    found = [(layer.theorem_2(), layer.theorem_3()) for layer in layers_of(nn.Sequential(*layers))]
    assert [two for two, _ in found] == [1 / 36, 1 / 10, 1 / 9, 1 / 7]
    assert found[0][1] == 2 / (10 * 9)
    assert math.isnan(found[1][1])  # 9 taps are fewer than 10 / 1
    assert found[2][1] == 2 / (10 * 9)
    assert math.isnan(found[3][1])


def test_variances_are_of_the_used_weight() -> None:
    layer = nn.Linear(2, 2, bias=False)
    made = nn.Sequential(layer)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[4.0, 0.0], [0.0, 0.0]]))
    assert variances(layers_of(made))["0"].item() == 3.0  # mean 1: (9 + 1 + 1 + 1) / 4
    normalize_(made, sn(), torch.zeros(1, 2))
    assert variances(layers_of(made))["0"].item() == pytest.approx(3 / 16)
