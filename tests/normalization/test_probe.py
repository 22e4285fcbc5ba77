"""Where each layer of a network stands."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.networks import ProjectionCNNDiscriminator
from gan_lightning.normalization import none, normalize_
from gan_lightning.normalization.probe import probe
from tests.conftest import same
from tests.normalization.made import IMAGE, SHAPE, Siamese

KINDS = (nn.Conv2d, nn.Linear, nn.Embedding)


def test_layers_know_their_inputs_and_whether_they_are_the_last() -> None:
    network = Siamese()
    normalize_(network, none(), torch.zeros(1, 4))
    assert network.again.input_shapes == ((4,),)
    assert [network.again.is_output, network.head.is_output] == [False, True]
    projection = ProjectionCNNDiscriminator(SHAPE, 5, width=1)
    normalize_(projection, none(), IMAGE, torch.zeros(1, dtype=torch.int64))
    outputs = {n for n, m in projection.named_modules() if getattr(m, "is_output", False)}
    assert outputs == {"linear", "embed"}
    assert projection.features[2].input_shapes == ((1, 8, 8),)


class Remembers(nn.Module):
    """Counts its passes in training, and draws in each of them."""

    passes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        self.passes += 1
        return x + torch.randn_like(x)


KEEPING: dict[str, Callable[[], nn.Module]] = {
    "batch normalization": lambda: nn.BatchNorm2d(2),
    "moving averages": lambda: nn.BatchNorm2d(2, affine=False, momentum=None),
    "instance normalization": lambda: nn.InstanceNorm2d(2, track_running_stats=True),
    "dropout": lambda: nn.Dropout(0.3),
    "dropout of channels": lambda: nn.Dropout2d(),
    "random slopes": lambda: nn.RReLU(),
    "its own": Remembers,
    "nested": lambda: nn.Sequential(nn.Sequential(nn.BatchNorm2d(2)), nn.Dropout()),
}
"""Layers that are changed by a pass in training, or draw in it."""


def with_a_part(part: nn.Module) -> nn.Sequential:
    """A network that has it, in training, and the last layer frozen."""
    network = nn.Sequential(nn.Conv2d(3, 2, 3), part, nn.Sequential(nn.Conv2d(2, 1, 3), nn.Tanh()))
    network[2].eval()
    return network


@pytest.mark.parametrize("part", KEEPING)
def test_the_probe_leaves_no_trace(part: str) -> None:
    """To the last bit; and the same pass in training would leave one."""
    network = with_a_part(KEEPING[part]())
    x = torch.randn(1, *SHAPE)
    parameters, buffers = (
        copy.deepcopy(dict(which())) for which in (network.named_parameters, network.named_buffers)
    )
    random, modes = torch.get_rng_state(), [module.training for module in network.modules()]
    assert set(modes) == {True, False}
    probe(network, [x], KINDS)
    assert torch.equal(torch.get_rng_state(), random)
    assert same(dict(network.named_parameters()), parameters)
    assert same(dict(network.named_buffers()), buffers)
    assert [module.training for module in network.modules()] == modes
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    network(x)
    drew = not torch.equal(torch.get_rng_state(), random)
    assert drew or not same(dict(network.named_buffers()), buffers)


def outputs(network: nn.Module, *inputs: Tensor) -> list[str]:
    """The layers that no other layer follows."""
    probe(network, inputs, KINDS)
    return [name for name, m in network.named_modules() if getattr(m, "is_output", False)]


class Ways(nn.Module):
    """Four layers; how they are joined is for a test to say."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Linear(2, 2) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Beside(Ways):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x).relu()) + self.c(x)
        return out


class Heads(Ways):
    def forward(self, x: Tensor) -> Tensor:
        features = self.a(x).exp().sum(1, keepdim=True).expand(-1, 2)
        return torch.cat([self.b(features), self.d(self.c(features))], 1)


class Discards(Ways):
    """What b makes, nobody looks at."""

    def forward(self, x: Tensor) -> Tensor:
        self.b(x)
        out: Tensor = self.a(x)
        return out


@pytest.mark.parametrize(
    ("kind", "last"), [(Beside, ["b", "c"]), (Heads, ["b", "d"]), (Discards, ["a", "b"])]
)
def test_an_output_is_what_no_other_layer_takes_in(kind: type[Ways], last: list[str]) -> None:
    """Over activations, sums and reshapes; one that is never used is no output."""
    network = kind()
    assert outputs(network, torch.zeros(1, 2)) == last
    network.requires_grad_(False)
    assert outputs(network, torch.zeros(1, 2)) == last


def test_a_slope_of_zero_is_a_way_through() -> None:
    """As of an activation that happens to be off."""
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1))
    assert outputs(network, torch.zeros(1, 2)) == ["2"]


class Noisy(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.randn(1)


def test_what_a_network_draws_is_not_missed_afterwards() -> None:
    network, random = Noisy(2, 1), torch.get_rng_state()
    assert outputs(network, torch.zeros(1, 2)) == [""]
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("frozen", ["", "0", "2", "0 2", "0 2 4"])
def test_classes_in_front_are_looked_through_whatever_is_frozen(frozen: str) -> None:
    network = nn.Sequential(
        *(nn.Embedding(5, 4), nn.ReLU(inplace=True), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    )
    for place in frozen.split():
        network[int(place)].requires_grad_(False)
    assert outputs(network, torch.zeros(1, dtype=torch.int64)) == ["4"]
    assert [network[k].input_shapes for k in (0, 2, 4)] == [((),), ((4,),), ((3,),)]


class Twice(nn.Module):
    """A layer at sizes 8, 6, and 8 again; another one at none."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.never = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.used(self.used(x)).mean() + self.used(x)
        return out


def test_each_shape_is_noted_once_in_the_order_of_use() -> None:
    network = Twice()
    for _ in range(2):  # a second look starts anew
        assert outputs(network, torch.zeros(1, 1, 8, 8)) == []
        assert network.used.input_shapes == ((1, 8, 8), (1, 6, 6))
        assert network.never.input_shapes == ()


def test_only_the_kinds_asked_for_are_noted() -> None:
    network = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Flatten(), nn.Linear(6, 1))
    assert outputs(network, torch.zeros(1, 1, 8)) == ["2"]
    assert not hasattr(network[0], "input_shapes")
    assert not hasattr(network, "is_output")


def test_inputs_take_the_type_of_the_network_and_stay_what_they_were() -> None:
    network = nn.Linear(2, 1).double()
    for dtype in (torch.float32, torch.float64):
        x = torch.zeros(1, 2, dtype=dtype)
        assert outputs(network, x) == [""]
        assert (x.dtype, x.requires_grad) == (dtype, False)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_where_gradients_are_off_the_same_is_found(mode: type[torch.no_grad]) -> None:
    network, x = Heads(), torch.zeros(1, 2)
    with mode():
        assert outputs(network, x) == ["b", "d"]


def test_a_network_without_parameters_is_run_and_nothing_found() -> None:
    for dtype in (torch.float32, torch.int64):
        given = torch.zeros(1, 2, dtype=dtype)
        assert outputs(nn.Sequential(nn.Flatten(), nn.ReLU()), given) == []


def test_a_pass_that_fails_leaves_no_hooks_and_modes_behind() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 1))
    network[0].eval()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        probe(network, [torch.zeros(1, 2)], KINDS)
    assert [module.training for module in network.modules()] == [True, False, True]
    assert not any(layer._forward_hooks for layer in network)
