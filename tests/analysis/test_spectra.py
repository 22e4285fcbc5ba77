"""Singular values against decompositions of explicitly built matrices."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gan_lightning.analysis.layers import layers_of
from gan_lightning.analysis.spectra import (
    convolution_norm,
    squared_singular_values,
    tsuzuku_alpha,
)
from gan_lightning.normalization import none, normalize_, sn
from tests.reference import convolution_matrix


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 4), (1, 5)])
def test_squared_singular_values(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64)
    expected = torch.linalg.svdvals(matrix).square()
    torch.testing.assert_close(squared_singular_values(matrix), expected)


@pytest.mark.parametrize("norm", [none(), sn()])
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Conv2d(3, 2, 4, 2, padding=1),
        nn.Conv2d(2, 3, 4, 2, padding=1, dilation=2),
        nn.Conv2d(1, 2, 1),
        nn.ConvTranspose2d(2, 3, 4, 2, padding=1),
    ],
    ids=str,
)
def test_the_convolution_norm_is_that_of_its_matrix(layer: nn.Conv2d, norm: sn) -> None:
    torch.manual_seed(0)
    layer = copy.deepcopy(layer)
    layer.reset_parameters()
    network = nn.Sequential(layer)
    normalize_(network, norm, torch.zeros(1, layer.in_channels, 6, 6))
    (made,) = layers_of(network)
    matrix = convolution_matrix(layer)(made.used.double())
    expected = torch.linalg.matrix_norm(matrix, ord=2).item()
    found, fewer = (convolution_norm(made, steps=steps) for steps in (60, 5))
    assert found is not None
    assert fewer is not None
    assert found.item() == pytest.approx(expected, rel=1e-6)
    assert fewer.item() <= expected * (1 + 1e-9)


def test_of_the_identity_it_is_one() -> None:
    """A Krylov space of one dimension: the process has to end there."""
    layer = nn.Conv2d(2, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(3 * torch.eye(2)[:, :, None, None])
    normalize_(network := nn.Sequential(layer), none(), torch.zeros(1, 2, 5, 5))
    found = convolution_norm(layers_of(network)[0])
    assert found is not None
    assert found.item() == pytest.approx(3.0, rel=1e-12)


def test_what_is_no_operator_has_no_norm() -> None:
    circular = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    network = nn.Sequential(circular, nn.Flatten(), nn.Linear(16, 1))
    normalize_(network, none(), torch.zeros(1, 1, 4, 4))
    assert [convolution_norm(layer) for layer in layers_of(network)] == [None, None]
    assert math.isnan(tsuzuku_alpha(layers_of(network)[0]))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size", "expected"),
    [
        (1, 1, 0, 5, 1.0),  # every pixel in one window
        (3, 1, 1, 5, 3.0),  # nine windows share a pixel
        (4, 2, 1, 8, 2.0),  # two by two
        (3, 3, 0, 9, 1.0),  # windows side by side
        (5, 2, 2, 28, 3.0),
        (3, 1, 1, 2, 2.0),  # no more windows than four
        (4, 2, 1, 2, 1.0),  # only one window
    ],
)
def test_alpha_in_closed_form(
    kernel: int, stride: int, padding: int, size: int, expected: float
) -> None:
    layer = nn.Conv2d(2, 3, kernel, stride, padding)
    normalize_(network := nn.Sequential(layer), none(), torch.zeros(1, 2, size, size))
    assert tsuzuku_alpha(layers_of(network)[0]) == expected


def test_alpha_is_attained() -> None:
    """A kernel of ones on a large image: the constant image is stretched by k^2 = alpha s(W)."""
    layer = nn.Conv2d(1, 1, 3, padding=0)
    nn.init.ones_(layer.weight)
    normalize_(network := nn.Sequential(layer), none(), torch.zeros(1, 1, 60, 60))
    (made,) = layers_of(network)
    norm = convolution_norm(made)
    assert norm is not None
    ratio = norm.item() / squared_singular_values(made.unfolded())[0].sqrt().item()
    assert 0.99 * tsuzuku_alpha(made) < ratio <= tsuzuku_alpha(made)


def test_alpha_of_a_linear_layer_is_one() -> None:
    assert tsuzuku_alpha(layers_of(nn.Sequential(nn.Linear(2, 2)))[0]) == 1.0


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    size=st.integers(5, 8),
    seed=st.integers(0, 99),
)
def test_the_ratio_lies_between_one_and_alpha(
    channels: tuple[int, int], kernel: int, stride: int, size: int, seed: int
) -> None:
    """Tsuzuku et al. 2018, Corollary 1, without padding: every window lies within the image."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(*channels, kernel, stride))
    normalize_(network, none(), torch.zeros(1, channels[0], size, size))
    (layer,) = layers_of(network)
    norm = convolution_norm(layer, steps=80)
    assert norm is not None
    ratio = norm.item() / squared_singular_values(layer.unfolded())[0].sqrt().item()
    assert 1 - 1e-9 <= ratio <= tsuzuku_alpha(layer) * (1 + 1e-9)
