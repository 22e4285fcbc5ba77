"""Laws of the Fréchet distance, and its value against scipy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray
from torchmetrics.utilities import dim_zero_sum

from gan_lightning.errors import UserError
from gan_lightning.scores.fid import Gaussian, Moments, frechet_distance

Array = NDArray[np.float64]


def features(n: int, d: int, seed: int, spread: float = 1.0) -> Array:
    """Positive, skewed, correlated features, as after a ReLU."""
    rng = np.random.default_rng(seed)
    scales = np.geomspace(1, 1e-2, d)[:, None]
    mixing = np.random.default_rng(99).standard_normal((d, d)) * scales
    noise: Array = spread * rng.standard_normal((n, d)) @ mixing
    return np.maximum(noise + 0.4 + 0.1 * seed, 0)


def gaussian(x: Array) -> Gaussian:
    moments = Moments(x.shape[1])
    for chunk in np.array_split(x, 5):
        moments.update(torch.from_numpy(chunk))
    return moments.gaussian()


def by_sqrtm(x: Array, y: Array) -> float:
    """The definition, with scipy's matrix square root."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(a @ b)
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(a + b - 2 * root.real))


def by_samples(x: Array, y: Array) -> float:
    """The definition through the centred samples: exact where covariances are singular."""
    a, b = (z - z.mean(0) for z in (x, y))
    a, b = a / np.sqrt(len(a) - 1), b / np.sqrt(len(b) - 1)
    shift = x.mean(0) - y.mean(0)
    roots = scipy.linalg.svdvals(a @ b.T)
    return float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * roots.sum())


@pytest.mark.parametrize(("n", "m"), [(600, 500), (4000, 150)])
def test_matches_scipy_with_more_samples_than_features(n: int, m: int) -> None:
    x, y = features(n, 100, 1), features(m, 100, 2, spread=1.3)
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(by_sqrtm(x, y), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(40, 30), (30, 400), (400, 30), (2, 2), (100, 101)])
def test_matches_scipy_with_fewer_samples_than_features(n: int, m: int) -> None:
    x, y = features(n, 100, 1), features(m, 100, 2, spread=1.3)
    # Far below 1e-6: the roots of rounding errors would show at 1e-8.
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(by_samples(x, y), rel=1e-11)


def test_matches_scipy_where_features_never_vary() -> None:
    x, y = features(300, 50, 1), features(300, 50, 2)
    x[:, :20] = 0
    y[:, 10:30] = 3
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(by_samples(x, y), rel=1e-6)


def test_matches_scipy_for_few_images_repeated() -> None:
    x, y = features(300, 50, 1), np.tile(features(10, 50, 2), (30, 1))
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(by_samples(x, y), rel=1e-6)


@pytest.mark.parametrize("n", [2, 30, 300])
def test_identical_sets_are_at_distance_zero_or_a_rounding_error_more(n: int) -> None:
    x = gaussian(features(n, 50, 1))
    assert 0 <= frechet_distance(x, x) < 1e-10 * float(x.covariance.trace())


def test_is_symmetric() -> None:
    x, y = gaussian(features(200, 50, 1)), gaussian(features(30, 50, 2))
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-10)


def test_a_shift_adds_its_squared_length_and_nothing_else() -> None:
    x, shift = features(200, 20, 1), np.full(20, 0.5)
    assert frechet_distance(gaussian(x), gaussian(x + shift)) == pytest.approx(5.0, rel=1e-9)


def test_of_one_feature_it_is_the_distance_of_means_and_deviations() -> None:
    x, y = features(50, 1, 1), 3 * features(60, 1, 2) + 1
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(gaussian(x), gaussian(y)) == pytest.approx(expected, rel=1e-9)


def test_scaling_by_c_multiplies_each_standard_deviation() -> None:
    x = features(200, 20, 1)
    x -= x.mean(0)
    expected = (3 - 1) ** 2 * np.trace(np.cov(x, rowvar=False))
    assert frechet_distance(gaussian(x), gaussian(3 * x)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("d", [20, 2, 1])
def test_moments_are_those_of_numpy_whatever_the_batches(d: int) -> None:
    x = features(97, d, 1)
    got = gaussian(x)
    assert got.n == 97
    assert (got.mean.shape, got.covariance.shape) == ((d,), (d, d))
    np.testing.assert_allclose(got.mean, x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(got.covariance, np.cov(x, rowvar=False).reshape(d, d), atol=1e-14)


def test_moments_of_float32_features_are_added_in_float64() -> None:
    x = torch.full((1000, 1), 0.1, dtype=torch.float32)
    moments = Moments(1)
    for _ in range(20):
        moments.update(x)
    assert moments.total.dtype == torch.float64
    assert float(moments.total) == pytest.approx(20_000 * float(x[0, 0]), rel=1e-14)


def test_moments_of_processes_are_added_and_counted_exactly() -> None:
    moments = Moments(2)
    assert set(moments._reductions.values()) == {dim_zero_sum}
    assert moments.n.dtype == torch.int64  # a float32 stops at 2^24


def test_moments_on_another_device_are_the_same() -> None:
    moments = gaussian(features(9, 3, 0))
    there = moments.to(torch.device("meta"))
    assert (there.n, there.mean.device.type, there.covariance.device.type) == (9, "meta", "meta")
    here = moments.to(torch.device("cpu"))
    assert torch.equal(here.mean, moments.mean)
    assert torch.equal(here.covariance, moments.covariance)


def test_memory_of_moments_does_not_grow_with_images() -> None:
    moments = Moments(8)
    before = sum(t.nbytes for t in (moments.n, moments.total, moments.products))
    for _ in range(50):
        moments.update(torch.rand(64, 8))
    after = sum(t.nbytes for t in (moments.n, moments.total, moments.products))
    assert before == after


def test_one_image_has_no_covariance() -> None:
    moments = Moments(3)
    moments.update(torch.ones(1, 3))
    with pytest.raises(UserError, match="at least 2 images"):
        moments.gaussian()


def test_moments_of_different_extractors_cannot_be_compared() -> None:
    x, y = gaussian(features(50, 10, 1)), gaussian(features(50, 11, 1))
    with pytest.raises(UserError, match="different extractors"):
        frechet_distance(x, y)


def test_features_that_are_nan_give_an_error_and_no_number() -> None:
    x = features(50, 10, 1)
    x[3, 4] = np.nan
    with pytest.raises(UserError, match="NaN"):
        frechet_distance(gaussian(x), gaussian(features(50, 10, 2)))


@pytest.mark.parametrize("n", [20, 5])  # with a Cholesky factor in view, and by eigenvectors
@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (-torch.eye(10, dtype=torch.float64), "negative variances"),
        (torch.eye(10, dtype=torch.float64) + torch.ones(10, 10).triu(1), "not symmetric"),
        (torch.full((10, 10), torch.inf, dtype=torch.float64), "infinite"),
    ],
)
def test_what_is_no_covariance_gives_an_error_and_no_number(
    covariance: torch.Tensor, message: str, n: int
) -> None:
    mean = torch.zeros(10, dtype=torch.float64)
    good = Gaussian(n, mean, torch.eye(10, dtype=torch.float64))
    wrong = Gaussian(n, mean, covariance)
    for pair in ((good, wrong), (wrong, good), (wrong, wrong)):
        with pytest.raises(UserError, match=message):
            frechet_distance(*pair)


@pytest.mark.parametrize(
    ("mean", "variance", "off", "problem"),
    [
        (0.0, 1.0, 0.0, None),
        (0.0, 1.0, 5e-7, None),  # a millionth of the largest element is rounding
        (0.0, 1.0, 2e-6, "has a covariance that is not symmetric"),
        (1e3, 0.0, 5e-7, None),  # and so is what float64 loses around a large mean
        (1e3, 0.0, 2e-6, "has a covariance that is not symmetric"),
        (1e3, -5e-7, 0.0, None),
        (
            1e3,
            -2e-6,
            0.0,
            "has a covariance with negative variances (it is not positive semidefinite)",
        ),
        (float("nan"), 1.0, 0.0, "holds NaN or infinite values"),
    ],
)
def test_moments_are_those_of_features_up_to_rounding(
    mean: float, variance: float, off: float, problem: str | None
) -> None:
    covariance = variance * torch.eye(3, dtype=torch.float64)
    covariance[0, 1] += off
    gaussian = Gaussian(9, torch.full((3,), mean, dtype=torch.float64), covariance)
    assert gaussian.problem() == problem


def test_images_that_never_vary_have_a_distance_for_all_that() -> None:
    point = Gaussian(9, torch.zeros(4).double(), torch.zeros(4, 4).double())
    spread = Gaussian(9, torch.tensor([3.0, 0, 0, 0]).double(), 2 * torch.eye(4).double())
    assert frechet_distance(point, spread) == pytest.approx(9 + 2 * 4)
    assert frechet_distance(point, point) == 0


def test_diagonal_gaussians_are_at_the_distance_of_their_deviations() -> None:
    """Eq. 6 for commuting covariances: the sum of (m1 - m2)^2 and of (s1 - s2)^2."""
    m1, m2, s1, s2 = np.random.default_rng(0).uniform(0.1, 2, (4, 6))
    a, b = (
        Gaussian(99, torch.from_numpy(m), torch.from_numpy(np.diag(s**2)))
        for m, s in ((m1, s1), (m2, s2))
    )
    expected = ((m1 - m2) ** 2 + (s1 - s2) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_the_covariance_is_normalized_by_one_less_than_the_samples() -> None:
    moments = Moments(1)
    moments.update(torch.tensor([[1.0], [3.0]]))
    assert float(moments.gaussian().covariance) == 2.0
