"""Looking leaves no trace."""

from __future__ import annotations

import torch
from torch import nn

from gan_lightning.analysis import untouched
from gan_lightning.losses import began
from gan_lightning.normalization import normalize_, sn


def test_buffers_modes_and_random_numbers_are_as_they_were() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    normalize_(network, sn(), torch.zeros(1, 1, 4, 4))
    objective = began(step=0.1)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    places = {name: buffer.data_ptr() for name, buffer in network.named_buffers()}
    drawn = torch.get_rng_state()
    with untouched(network, objective):
        made = network(torch.randn(8, 1, 4, 4))
        objective.discriminator(made.square().mean(1), made.square().mean(1) / 9)
        assert objective.k.item() > 0
        mean = network.get_buffer("1.running_mean")
        assert not torch.equal(mean, before["1.running_mean"])
    assert objective.k.item() == 0
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name]), name
        assert buffer.data_ptr() == places[name], name  # where a captured graph looks for it
    assert torch.equal(drawn, torch.get_rng_state())


def test_passes_are_in_full_precision_with_gradients() -> None:
    layer = nn.Linear(2, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.ones(1, 2)).dtype == torch.bfloat16
        with untouched(layer):
            made = layer(torch.ones(1, 2))
            assert made.dtype == torch.float32
            assert made.requires_grad


def test_the_shared_normalized_weight_stays_shared() -> None:
    """Written without need, each pass would normalize it anew until the next update."""
    layer = nn.Linear(3, 2)
    normalize_(nn.Sequential(layer), sn(), torch.zeros(1, 3))
    shared = layer.weight.data_ptr()
    with untouched(layer):
        layer(torch.ones(1, 3))
    assert layer.weight.data_ptr() == shared
