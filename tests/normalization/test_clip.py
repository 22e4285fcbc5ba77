"""Weights that are clamped after each update."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.normalization import (
    Upkeep,
    clip,
    normalize_,
)
from gan_lightning.normalization.clip import Clamp


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
    with pytest.raises(UserError, match=f"^limit must be a finite number > 0, got {limit}$"):
        clip(limit)


def test_entries_beyond_the_bound_go_to_it_and_the_others_stay() -> None:
    below, above = math.nextafter(0.5, 0), math.nextafter(0.5, 1)
    weight = [[-3.0, -0.5, -below, -1e-40], [0.0, below, 0.5, above]]
    parameter = nn.Parameter(torch.tensor(weight, dtype=torch.float64))
    Clamp(0.5).project_(parameter)
    expected = [[-0.5, -0.5, -below, -1e-40], [0.0, below, 0.5, 0.5]]
    assert torch.equal(parameter, torch.tensor(expected, dtype=torch.float64))
    Clamp(0.5).project_(parameter)
    assert torch.equal(parameter, torch.tensor(expected, dtype=torch.float64))
    assert parameter.is_leaf
    assert parameter.grad_fn is None


def test_the_bound_is_that_of_the_papers_unless_another_is_given() -> None:
    for norm, limit in ((clip(), 0.01), (clip(limit=2.5), 2.5)):
        layer = normalize_(nn.Linear(3, 3), norm, torch.zeros(1, 3))
        assert isinstance(layer, nn.Linear)
        nn.init.constant_(layer.weight, 7.0)
        Upkeep(layer).renew_()
        assert layer.weight.unique().tolist() == pytest.approx([limit])


def test_a_bound_has_no_state_and_leaves_the_layer_in_its_place() -> None:
    layer = nn.Linear(3, 2)
    names = list(layer.state_dict())
    assert normalize_(layer, clip(), torch.zeros(1, 3)) is layer
    assert list(layer.state_dict()) == names
    assert layer.get_parameter("weight").requires_grad


def test_biases_and_what_is_no_layer_stay() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.PReLU(2, init=5.0))
    normalize_(network, clip(0.01), torch.zeros(1, 2))
    nn.init.constant_(network.get_parameter("0.bias"), 4.0)
    Upkeep(network).renew_()
    kept = {name: float(p.detach().abs().max()) for name, p in network.named_parameters()}
    assert kept.pop("0.weight") == pytest.approx(0.01)
    assert kept == {"0.bias": 4.0, "1.weight": 1.0, "1.bias": 0.0, "2.weight": 5.0}
