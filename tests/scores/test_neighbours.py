"""Distances and balls, against loops over points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.neighbours import (
    require_neighbours,
    squared_distances,
    squared_distances_by_rows,
    squared_radii,
)
from tests.scores.small import points


def literally(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, None] - b).square().sum(2)


def test_distances_are_those_of_the_loop() -> None:
    a, b = points(7, 3, 1).double(), points(5, 3, 2).double()
    torch.testing.assert_close(squared_distances(a, b), literally(a, b))
    torch.testing.assert_close(squared_distances(a, b), squared_distances(b, a).t())
    three_four = squared_distances(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    assert three_four.tolist() == [[25.0]]


def test_points_far_from_zero_keep_their_distances() -> None:
    """The formula takes them as differences of large numbers: without a shift, much is lost."""
    a, b = points(6, 4, 1).double(), points(9, 4, 2).double()
    got = torch.cat(list(squared_distances_by_rows(a + 1e6, b + 1e6)))
    torch.testing.assert_close(got, literally(a, b), rtol=1e-8, atol=0)


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_repeated_points_are_at_distance_zero_and_none_below(shift: float) -> None:
    x = points(40, 64, 1, shift).double()
    distances = squared_distances(x, x)
    assert not distances.diagonal().any()
    assert (distances >= 0).all()
    assert int((distances == 0).sum()) == 40


def test_near_points_are_told_apart() -> None:
    x = torch.tensor([[1.0, 2.0], [1.0, 2.0 + 1e-5]], dtype=torch.float64)
    assert squared_distances(x, x)[0, 1].item() == pytest.approx(1e-10, rel=1e-4)


@pytest.mark.parametrize("elements", [1, 5, 12, 10**9])
def test_rows_come_in_chunks_that_fit_and_together_are_all(
    elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least one row at a time, whatever the memory."""
    monkeypatch.setattr("gan_lightning.scores.neighbours._ELEMENTS", elements)
    a, b = points(7, 3, 1).double(), points(4, 3, 2).double()
    chunks = list(squared_distances_by_rows(a, b))
    sizes = {1: [1] * 7, 5: [1] * 7, 12: [3, 3, 1], 10**9: [7]}
    assert [len(chunk) for chunk in chunks] == sizes[elements]
    torch.testing.assert_close(torch.cat(chunks), literally(a, b))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_ball_reaches_to_the_kth_of_the_others(k: int) -> None:
    x = points(6, 3, 1).double()
    others = [
        sorted(row[np.arange(6) != i].tolist())[k - 1] for i, row in enumerate(literally(x, x))
    ]
    torch.testing.assert_close(squared_radii(x, k), torch.tensor(others, dtype=torch.float64))


def test_a_repeated_point_is_its_own_neighbour_at_distance_zero() -> None:
    """So many times as it is repeated, and no more."""
    x = torch.tensor([[0.0], [0.0], [0.0], [2.0], [5.0]], dtype=torch.float64)
    assert squared_radii(x, 1).tolist() == [0, 0, 0, 4, 9]
    assert squared_radii(x, 2).tolist() == [0, 0, 0, 4, 25]
    assert squared_radii(x, 3).tolist() == [4, 4, 4, 4, 25]


def test_radii_are_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = points(30, 3, 1).double()
    whole = squared_radii(x, 3)
    monkeypatch.setattr("gan_lightning.scores.neighbours._ELEMENTS", 7 * 30)
    assert torch.equal(squared_radii(x, 3), whole)


def test_each_sample_needs_so_many_others() -> None:
    require_neighbours("kid", 3, generated=4, real=4)
    for generated, real in ((3, 4), (4, 3), (0, 0)):
        with pytest.raises(
            UserError,
            match="^recall looks at 3 neighbours of each sample, but there are only "
            f"{generated} generated and {real} real ones: lower its neighbours, or give more",
        ):
            require_neighbours("recall", 3, generated, real)
