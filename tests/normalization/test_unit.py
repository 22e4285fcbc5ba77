"""Weights divided by the lengths of their parts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    Upkeep,
    frobenius,
    normalize_,
    wn,
)
from gan_lightning.normalization.shared import shared_weights
from tests.normalization.made import (
    LAYERS,
    ids,
    make,
    used,
)


def matrix_of(layer: nn.Module) -> list[Tensor]:
    """What makes each output: all weights that a unit vector behind the layer draws on."""
    weight = used(layer).detach()
    if not isinstance(layer, nn.ConvTranspose2d):
        return list(weight)
    of_group, per = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    return [
        weight[(o // per) * of_group : (o // per + 1) * of_group, o % per]
        for o in range(layer.out_channels)
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_parts_have_length_one_after_steps(layer: str) -> None:
    """Every output's weights under wn, all together under frobenius (SNGAN Eq. 25 and 26)."""
    for norm in (wn(), frobenius()):
        module, shape = make(layer, norm), LAYERS[layer][1]
        upkeep = Upkeep(module)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        ((_, weight),) = shared_weights(module)
        for _ in range(4):
            parts = matrix_of(module) if isinstance(norm, wn) else [used(module).detach()]
            lengths = torch.stack([part.square().sum().sqrt() for part in parts])
            torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=0, atol=1e-14)
            before = weight.detach().clone()
            module(torch.randn(4, *shape, dtype=torch.float64)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            upkeep.renew_()
            assert not torch.equal(weight, before)


@pytest.mark.parametrize("norm", [wn(), frobenius()], ids=ids)
def test_what_is_not_estimated_has_no_state(norm: Normalization) -> None:
    plain = CNNDiscriminator((3, 8, 8), width=4)
    count = len(plain.state_dict())
    assert len(normalize_(plain, norm, torch.zeros(1, 3, 8, 8)).state_dict()) == count
