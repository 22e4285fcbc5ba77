"""KID against its definition and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from gan_lightning.errors import UserError
from gan_lightning.scores.kid import kid, squared_mmd
from tests.scores.small import of_features, points


def test_squared_mmd_is_that_of_torchmetrics() -> None:
    x, y = points(60, 8, 1).double(), points(60, 8, 2, 0.3).double()
    assert float(squared_mmd(x, y)) == pytest.approx(float(poly_mmd(x, y)), rel=1e-12)


def test_squared_mmd_is_the_mean_over_pairs() -> None:
    x, y = points(5, 3, 1).double().numpy(), points(7, 3, 2).double().numpy()

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    within_x = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    got = float(squared_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert got == pytest.approx(within_x + within_y - 2 * across, rel=1e-12)


def test_kid_is_near_zero_for_one_distribution_and_grows_with_the_shift() -> None:
    score = kid(subsets=20, subset_size=200, count=400)
    real = of_features(points(400, 8, 1))
    values = [
        score(of_features(points(400, 8, 2, shift)), real)["kid"] for shift in (0.0, 0.3, 0.6)
    ]
    assert abs(values[0]) < 0.05 * values[1]
    assert values[1] < values[2]


def test_kid_of_whole_sets_has_no_spread_and_is_reproducible() -> None:
    score = kid(subsets=3, subset_size=50, count=50)
    x, y = of_features(points(50, 4, 1)), of_features(points(50, 4, 2))
    first = score(x, y)
    assert first == score(x, y)
    assert first["kid_std"] == pytest.approx(0, abs=1e-12)


def test_kid_needs_whole_subsets() -> None:
    score = kid(subset_size=60, count=60)
    score.check(60, 60)
    with pytest.raises(UserError, match=r"subsets of 60.* 59 real"):
        score.check(60, 59)
    with pytest.raises(UserError, match="subset_size"):
        kid(subset_size=60, count=59)
