"""Density and coverage against their authors' code."""

from __future__ import annotations

import pytest
from prdc import compute_prdc

from gan_lightning.scores.density_coverage import density_coverage
from gan_lightning.scores.precision_recall import precision_recall
from tests.scores.small import of_features, points


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_all_four_scores_are_those_of_their_authors(
    k: int, shift: float, capsys: pytest.CaptureFixture[str]
) -> None:
    real, generated = points(150, 4, 1).double(), points(120, 4, 2, shift).double()
    expected = compute_prdc(real.numpy(), generated.numpy(), k)
    pair = of_features(generated), of_features(real)
    got = precision_recall(k, 150)(*pair) | density_coverage(k, 150)(*pair)
    assert got == pytest.approx(expected, rel=1e-12)


def test_density_and_coverage_are_one_on_the_same_images_and_nothing_far_away() -> None:
    x = points(80, 6, 1, 100.0)
    same = density_coverage(5, 80)(of_features(x), of_features(x))
    assert same["coverage"] == 1.0
    far = density_coverage(5, 80)(of_features(x + 1e3), of_features(x))
    assert far == {"density": 0.0, "coverage": 0.0}


def test_density_grows_where_generated_images_gather_and_coverage_falls() -> None:
    real = points(200, 4, 1)
    pair = of_features(points(200, 4, 2) * 0.1), of_features(real)
    gathered = density_coverage(5, 200)(*pair)
    alike = density_coverage(5, 200)(of_features(points(200, 4, 2)), of_features(real))
    assert gathered["density"] > 1.5 * alike["density"]
    assert gathered["coverage"] < 0.5 * alike["coverage"]
    assert 0.8 < alike["density"] < 1.2
