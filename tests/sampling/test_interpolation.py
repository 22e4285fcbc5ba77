"""Ways between latents: closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from gan_lightning.sampling.interpolation import Way, between


@pytest.mark.parametrize("way", ["slerp", "linear"])
def test_both_ends_are_on_the_way(way: Way) -> None:
    a, b = torch.randn(2, 12, generator=torch.Generator().manual_seed(0))
    got = between(a, b, 5, way)
    assert got.shape == (5, 12)
    torch.testing.assert_close(got[0], a)
    torch.testing.assert_close(got[-1], b)
    torch.testing.assert_close(between(b, a, 5, way).flip(0), got)


def test_a_quarter_of_a_circle() -> None:
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    angles = torch.tensor([0, 1, 2, 3]) * math.pi / 6
    expected = 2 * torch.stack([angles.cos(), angles.sin()], 1)
    torch.testing.assert_close(between(a, b, 4, "slerp"), expected)
    expected = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    torch.testing.assert_close(between(a, b, 3, "linear"), expected)


def test_slerp_keeps_the_norm_and_the_speed_where_a_chord_does_not() -> None:
    a, b = torch.randn(2, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    a, b = 8 * a / a.norm(), 8 * b / b.norm()
    got = between(a, b, 9)
    torch.testing.assert_close(got.norm(dim=1), torch.full((9,), 8.0, dtype=torch.float64))
    steps = got.diff(dim=0).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(8))
    assert between(a, b, 3, "linear")[1].norm() < 7


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0])
def test_parallel_and_opposite_latents_take_the_chord(factor: float) -> None:
    a = torch.tensor([1.0, 2.0, -1.0])
    got = between(a, factor * a, 5)
    torch.testing.assert_close(got, between(a, factor * a, 5, "linear"))
    assert got.isfinite().all()
