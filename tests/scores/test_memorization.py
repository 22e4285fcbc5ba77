"""Memorization, image by image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.memorization import memorization
from tests.scores.small import of_features, points


def memorized_literally(generated: Tensor, real: Tensor, quantile: float) -> dict[str, float]:
    """Image by image."""
    x, y = generated.double().numpy(), real.double().numpy()
    own = [min(np.linalg.norm(a - b) for j, b in enumerate(y) if i != j) for i, a in enumerate(y)]
    closest = sorted(own)[int(np.ceil(quantile * len(own))) - 1]
    near = [min((np.linalg.norm(a - b), i) for i, b in enumerate(y)) for a in x]
    return {
        "memorized": float(np.mean([distance <= closest for distance, _ in near])),
        "authenticity": float(np.mean([distance > own[i] for distance, i in near])),
    }


@pytest.mark.parametrize("quantile", [0.01, 0.3, 0.7])
def test_memorization_is_its_definition(quantile: float) -> None:
    real = points(60, 3, 1)
    generated = torch.cat([real[:7] + 1e-3, points(40, 3, 2)])
    got = memorization(quantile, 60, 47)(of_features(generated), of_features(real))
    assert got == memorized_literally(generated, real, quantile)
    assert 7 / 47 <= got["memorized"] < 1


def test_copies_are_memorized_and_unseen_points_of_one_distribution_as_seldom_as_promised() -> None:
    both = points(3000, 8, 1)
    real, unseen = of_features(both[:2000]), of_features(both[2000:])
    score = memorization(0.05, 2000, 1000)
    assert score(real.first(1000), real) == {"memorized": 1.0, "authenticity": 0.0}
    assert score(unseen, real)["memorized"] == pytest.approx(0.05, abs=0.025)
    assert 0.3 < score(unseen, real)["authenticity"] < 0.7


def test_a_training_set_full_of_duplicates_hides_no_copies() -> None:
    real = of_features(points(50, 8, 1).repeat(2, 1))
    score = memorization(0.1, 100, 50)
    assert score(real.first(50), real)["memorized"] == 1.0
    assert score(of_features(points(50, 8, 2)), real)["memorized"] == 0.0


@pytest.mark.parametrize(
    "arguments", [{"quantile": 0.0}, {"quantile": 1.0}, {"training": 1}, {"count": 1}]
)
def test_memorization_of_nothing_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"metrics\.memorization wants"):
        memorization(**arguments)  # type: ignore[arg-type]  # mixed types
