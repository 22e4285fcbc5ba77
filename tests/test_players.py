"""What the step looks up of a network once: what trains, what averages, what couples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.networks import CNNDiscriminator, ProjectionCNNDiscriminator
from gan_lightning.normalization import bssn, normalize_, spectral_pairs
from gan_lightning.players import Player, couples_images, declares_coupling, descend


def player(network: nn.Module) -> Player:
    return Player(network, descend(torch.optim.SGD(network.parameters(), 0.1)))


def test_frozen_restores_what_was_trainable_also_after_an_exception() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    network[0].bias.requires_grad_(False)  # the user froze it
    before = [p.requires_grad for p in network.parameters()]
    assert before == [True, False, True, True]
    with player(network).frozen():
        assert not any(p.requires_grad for p in network.parameters())
    assert [p.requires_grad for p in network.parameters()] == before
    with pytest.raises(ZeroDivisionError), player(network).frozen():
        _ = 1 / 0
    assert [p.requires_grad for p in network.parameters()] == before


def test_a_frozen_network_passes_gradients_on() -> None:
    network = nn.Linear(3, 1)
    x = torch.randn(2, 3, requires_grad=True)
    with player(network).frozen():
        network(x).sum().backward()
    assert x.grad is not None
    assert network.weight.grad is None


def test_one_pass_moves_running_statistics_as_two() -> None:
    twice, once, plain = (
        nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3, momentum=None)).double()
        for _ in range(3)
    )
    x = torch.randn(5, 3, dtype=torch.float64)
    for _ in range(2):
        twice(x)
    with pytest.raises(ZeroDivisionError), player(plain).as_two_passes():
        _ = 1 / 0
    with player(once).as_two_passes():
        once(x)
    torch.testing.assert_close(once[0].running_mean, twice[0].running_mean, rtol=0, atol=1e-15)
    torch.testing.assert_close(once[0].running_var, twice[0].running_var, rtol=0, atol=1e-15)
    for network in (once, plain):
        assert network[0].momentum == 0.1
        assert network[1].momentum is None


def test_an_update_renews_the_normalized_weights() -> None:
    network = normalize_(CNNDiscriminator((1, 8, 8), width=2), bssn(), torch.zeros(1, 1, 8, 8))
    before = [spectral.normalized.clone() for spectral, _ in spectral_pairs(network)]
    player(network).update(network(torch.randn(3, 1, 8, 8)).square().sum() * 1e3)
    for (spectral, weight), old in zip(spectral_pairs(network), before, strict=True):
        torch.testing.assert_close(spectral(weight), spectral.definition(weight))
        assert not torch.equal(spectral.normalized, old)


class MinibatchStandardDeviation(nn.Module):
    """Adds how much the images of a batch differ, as progressive GANs do."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x.std(0).mean()


class Counter(nn.Module):
    """Counts the passes it has seen, and says so."""

    passes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.passes.add_(1)
        return x


class Declares(nn.Identity):
    couples_images = True


def discriminator(*extra: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), *extra, nn.LeakyReLU(), nn.Flatten(), nn.Linear(72, 1))


IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("extra", "couples"),
    [
        ([], False),
        ([nn.InstanceNorm2d(2)], False),
        ([nn.GroupNorm(1, 2)], False),
        ([nn.BatchNorm2d(2)], True),
        ([nn.BatchNorm2d(2, track_running_stats=False)], True),
        ([nn.InstanceNorm2d(2, track_running_stats=True)], True),
        ([MinibatchStandardDeviation()], True),
        ([Counter()], True),
        ([Declares()], True),
        ([nn.Dropout()], True),
    ],
    ids=lambda value: type(value[0]).__name__ if isinstance(value, list) and value else str(value),
)
def test_what_couples_the_images_of_a_batch_is_found(extra: list[nn.Module], couples: bool) -> None:
    network = discriminator(*extra)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    assert couples_images(network, IMAGES) == couples
    assert torch.equal(torch.get_rng_state(), random)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name]), name


class Pair(nn.Module):
    """A discriminator with two outputs, the first of which is its logit."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.first(x), self.second(x)


def test_of_several_outputs_the_first_is_tried() -> None:
    apart, together = discriminator(), discriminator(MinibatchStandardDeviation())
    assert not couples_images(Pair(apart, together), IMAGES)
    assert couples_images(Pair(together, apart), IMAGES)


def test_what_is_declared_needs_no_trial() -> None:
    assert not declares_coupling(discriminator(MinibatchStandardDeviation()))
    assert declares_coupling(discriminator(Declares()))
    assert declares_coupling(discriminator(nn.BatchNorm2d(2)))
    assert Player(discriminator(Declares()), lambda loss: None).couples
    assert not Player(discriminator(Declares()), lambda loss: None, couples=False).couples


def test_a_projection_discriminator_couples_nothing() -> None:
    network = ProjectionCNNDiscriminator((1, 8, 8), 3, width=2)
    normalize_(network, bssn(), torch.zeros(1, 1, 8, 8), torch.zeros(1, dtype=torch.int64))
    assert not couples_images(network, IMAGES, torch.arange(6) % 3)
