"""Precision and recall, point by point."""

from __future__ import annotations

import numpy as np
import pytest
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.precision_recall import precision_recall, share_inside
from tests.scores.small import of_features, points


def covered_literally(manifold: Tensor, candidates: Tensor, k: int) -> float:
    """Kynkäänniemi et al., Eq. 1 and 2, point by point in float64."""
    m, c = manifold.double().numpy(), candidates.double().numpy()
    radii = [np.sort(np.linalg.norm(m - p, axis=1))[k] for p in m]
    inside = [any(np.linalg.norm(p - q) <= r for q, r in zip(m, radii, strict=True)) for p in c]
    return float(np.mean(inside))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_share_inside_is_the_definition(k: int) -> None:
    manifold, candidates = points(80, 3, 1), points(70, 3, 2, 0.8)
    got = share_inside(manifold.double(), candidates.double(), k)
    assert got == covered_literally(manifold, candidates, k)
    assert 0 < got < 1


def test_share_inside_is_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    manifold, candidates = points(80, 3, 1).double(), points(70, 3, 2, 0.8).double()
    whole = share_inside(manifold, candidates, 3)
    monkeypatch.setattr("gan_lightning.scores.neighbours._ELEMENTS", 7 * 80)
    assert share_inside(manifold, candidates, 3) == whole


@pytest.mark.parametrize("repeat", [1, 6])
def test_identical_sets_are_precise_and_complete(repeat: int) -> None:
    x = of_features(points(50, 6, 1, 100.0).repeat(repeat, 1))
    scores = precision_recall(count=300)(x, x)
    assert scores == {"precision": 1.0, "recall": 1.0}


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_repeated_samples_coincide_in_spite_of_rounding(n: int) -> None:
    ten = 1e3 * points(10, 64, 1).double() + 5e3
    assert share_inside(ten.repeat(9, 1), ten[:n], 3) == 1.0


def test_distant_sets_are_neither() -> None:
    x, y = of_features(points(50, 6, 1)), of_features(points(50, 6, 1, 50.0))
    assert precision_recall(count=50)(x, y) == {"precision": 0.0, "recall": 0.0}


def test_few_real_samples_repeated_are_precise_but_not_complete() -> None:
    real = points(60, 6, 1)
    scores = precision_recall(count=60)(of_features(real[:5].repeat(12, 1)), of_features(real))
    assert scores["precision"] == 1.0
    assert scores["recall"] < 0.2


def test_precision_needs_more_samples_than_neighbours() -> None:
    precision_recall(count=60).check(4, 60)
    with pytest.raises(UserError, match="3 neighbours"):
        precision_recall(count=60).check(3, 60)
    with pytest.raises(UserError, match="neighbours"):
        precision_recall(neighbours=0)
