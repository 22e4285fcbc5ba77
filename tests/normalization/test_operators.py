"""The linear maps that a kernel stands for, against explicit matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.normalization import (
    none,
    normalize_,
    sn_conv,
)
from gan_lightning.normalization.operators import (
    Convolution,
    Operator,
    Unfolding,
    rows_in,
    rows_out,
)
from tests.normalization.made import LAYERS, operator_matrix, used


class Elsewhere(nn.Module):
    """Uses a layer at two sizes, and another one never."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.never = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
        self.uses_never = False

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.twice(x) if self.uses_never else self.twice(self.twice(x))
        return out


def test_strict_norm_wants_one_input_shape() -> None:
    with pytest.raises(UserError, match="a Conv2d is used on inputs of 2 shapes; use sn"):
        normalize_(Elsewhere(), sn_conv(), torch.zeros(1, 1, 8, 8))
    network = Elsewhere()
    network.uses_never = True
    with pytest.raises(UserError, match="a Conv2d is used on inputs of 0 shapes; use sn"):
        normalize_(network, sn_conv(), torch.zeros(1, 1, 8, 8))


def test_strict_norm_of_other_padding_is_refused() -> None:
    layer = nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")
    with pytest.raises(UserError, match="circular"):
        normalize_(layer, sn_conv(), torch.zeros(1, 2, 4, 4))


def test_vectors_lie_where_their_weight_does() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1)
    layer.input_shapes = ((2, 4, 4),)  # type: ignore[assignment]  # as the probe finds them
    for operator in (Convolution(layer), Unfolding(0)):
        u = operator.left(torch.empty(3, 2, 3, 3, dtype=torch.float64, device="meta"))
        assert (u.device.type, u.dtype) == ("meta", torch.float64)


EACH_LAYER = pytest.mark.parametrize("name", LAYERS)


def probed(name: str) -> tuple[nn.Module, Tensor, tuple[int, ...]]:
    """A layer that knows its input, its weight and the shape of one input."""
    torch.manual_seed(0)
    construct, shape = LAYERS[name]
    layer = normalize_(construct().double(), none(), torch.zeros(1, *shape))
    return layer, used(layer).detach(), shape


def operators(layer: nn.Module) -> list[Operator]:
    """All that the layer's weight may stand for."""
    strict = [] if isinstance(layer, nn.Linear) else [Convolution(layer)]
    return [Unfolding(0), Unfolding(1), *strict]


def pair(operator: Operator, weight: Tensor) -> tuple[Tensor, Tensor]:
    """A random u and v."""
    u = operator.left(weight)
    return u, torch.randn_like(operator.adjoint(weight, u))


@EACH_LAYER
def test_the_adjoint_is_the_adjoint(name: str) -> None:
    """``<u, A v> = <A^T u, v>``."""
    layer, weight, _ = probed(name)
    for operator in operators(layer):
        u, v = pair(operator, weight)
        forward = (u * operator.forward(weight, v)).sum()
        adjoint = (operator.adjoint(weight, u) * v).sum()
        torch.testing.assert_close(forward, adjoint)
        assert forward.abs() > 1e-6


@EACH_LAYER
def test_the_gradient_is_that_of_the_estimate_and_is_added(name: str) -> None:
    """In any memory order of what it is added to, which stays as it was."""
    layer, weight, _ = probed(name)
    for operator in operators(layer):
        u, v = pair(operator, weight)
        variable = weight.clone().requires_grad_()
        (slope,) = torch.autograd.grad((u * operator.forward(variable, v)).sum(), variable)
        to = torch.randn(weight.shape, dtype=torch.float64)
        orders = [to, to.transpose(0, 1).contiguous().transpose(0, 1)]
        if weight.ndim == 4:
            orders.append(to.contiguous(memory_format=torch.channels_last))
        for start in orders:
            got = operator.add_gradient(start, u, v, -1.5)
            assert got.shape == weight.shape
            torch.testing.assert_close(got, to - 1.5 * slope)
            assert torch.equal(start, to)


@EACH_LAYER
def test_results_are_written_where_one_asks(name: str) -> None:
    layer, weight, _ = probed(name)
    for operator in operators(layer):
        u, v = pair(operator, weight)
        for method, x in ((operator.forward, v), (operator.adjoint, u)):
            expected = method(weight, x)
            place = torch.full_like(expected, torch.nan)
            assert method(weight, x, out=place).data_ptr() == place.data_ptr()
            torch.testing.assert_close(place, expected)


@EACH_LAYER
def test_a_convolution_is_its_layer_without_the_bias(name: str) -> None:
    layer, weight, shape = probed(name)
    if isinstance(layer, nn.Linear):
        return
    operator = Convolution(layer)
    matrix = operator_matrix(layer, shape)
    v = torch.randn(1, *shape, dtype=torch.float64)
    torch.testing.assert_close(operator.forward(weight, v).flatten(), matrix @ v.flatten())
    u = operator.left(weight)
    assert u.shape == layer(v).shape
    torch.testing.assert_close(operator.adjoint(weight, u).flatten(), matrix.t() @ u.flatten())


@EACH_LAYER
def test_an_unfolding_has_the_singular_values_of_the_papers_matrix(name: str) -> None:
    """Whose columns are in another order: (channel, k_h, k_w)."""
    _, weight, _ = probed(name)
    for axis in (0, 1):
        mine, papers = Unfolding(axis).matrix(weight), weight.transpose(0, axis).flatten(1)
        assert mine.shape == papers.shape
        torch.testing.assert_close(mine @ mine.t(), papers @ papers.t())


def test_unfoldings_of_a_kernel_in_channels_last_memory_are_views() -> None:
    kernel = torch.randn(3, 2, 4, 5).contiguous(memory_format=torch.channels_last)
    for axis in (0, 1):
        assert Unfolding(axis).matrix(kernel).data_ptr() == kernel.data_ptr()
    copied = Unfolding(0).matrix(torch.randn(3, 2, 4, 5))
    assert copied.shape == (3, 40)


def test_rows_are_counted_by_outputs_and_by_inputs() -> None:
    """A transposed convolution keeps its kernel the other way round."""
    layers: list[tuple[nn.Module, tuple[int, int]]] = [
        (nn.Conv1d(2, 3, 4), (3, 2)),
        (nn.Conv3d(2, 3, 4), (3, 2)),
        (nn.ConvTranspose1d(2, 3, 4), (3, 2)),
        (nn.ConvTranspose2d(2, 3, 4), (3, 2)),
        (nn.ConvTranspose3d(2, 3, 4), (3, 2)),
        (nn.Linear(2, 3), (3, 2)),
        (nn.Embedding(5, 4), (5, 4)),
    ]
    for layer, rows in layers:
        weight = used(layer).detach()
        got = [len(of(layer).matrix(weight)) for of in (rows_out, rows_in)]
        assert tuple(got) == rows, layer


def test_random_vectors_are_normal() -> None:
    """Uniform ones would all lean to one side."""
    torch.manual_seed(0)
    layer, weight, _ = probed("conv3")
    u = Convolution(layer).left(weight)
    wide = Unfolding(0).left(torch.empty(2000, 1))
    assert u.shape == (1, 5, 6, 6)
    for vector in (u, wide):
        assert abs(float(vector.mean())) < 4 / vector.numel() ** 0.5
        assert float(vector.std()) == pytest.approx(1, abs=4 / vector.numel() ** 0.5)


def test_padding_that_is_not_in_numbers_is_refused_by_name() -> None:
    layer = nn.Conv2d(2, 2, 3, padding="same")
    with pytest.raises(
        UserError,
        match=r"^norm sn_conv takes layers with numeric zero padding, got padding='same', "
        r"padding_mode='zeros'; use sn instead$",
    ):
        normalize_(layer, sn_conv(), torch.zeros(1, 2, 4, 4))
