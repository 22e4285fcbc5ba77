"""Means, errors and intervals against numbers worked out by hand and the textbook's formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.report.statistics import FEWEST, RESAMPLES, summaries, summary, written


def test_mean_and_standard_error_by_hand() -> None:
    found = summary([2.0, 4.0, 9.0])  # deviations -3, -1, 4: variance 26 / 2 = 13
    assert (found.n, found.mean) == (3, 5.0)
    assert found.error == pytest.approx(math.sqrt(13 / 3), abs=1e-15)


def test_one_value_has_no_error_and_two_have_no_interval() -> None:
    assert summary([3.0]) == (1, 3.0, None, None, None)
    assert summary([3.0, 5.0]) == (2, 4.0, 1.0, None, None)


def literal_bca(values: np.ndarray) -> tuple[float, float]:
    """Efron and Tibshirani (1993), section 14.3, word by word."""
    from scipy.stats import norm

    n = len(values)
    index = np.random.default_rng(0).integers(0, n, (RESAMPLES, n))
    resampled = np.sort(values[index].mean(axis=1))
    below = (np.sum(resampled < values.mean()) + np.sum(resampled <= values.mean())) / 2
    bias = norm.ppf(below / RESAMPLES)
    jackknife = np.array([np.delete(values, k).mean() for k in range(n)])
    deviation = jackknife.mean() - jackknife
    acceleration = (deviation**3).sum() / (6 * (deviation**2).sum() ** 1.5)
    ends = []
    for z in norm.ppf([0.025, 0.975]):
        shifted = bias + (bias + z) / (1 - acceleration * (bias + z))
        ends.append(float(np.percentile(resampled, 100 * norm.cdf(shifted))))
    return ends[0], ends[1]


@pytest.mark.parametrize("values", [[2.0, 4.0, 9.0], [1.0, 1.5, 1.2, 7.0, 1.1]])
def test_intervals_are_the_bootstrap_of_the_textbook(values: list[float]) -> None:
    found = summary(values)
    assert (found.low, found.high) == pytest.approx(literal_bca(np.array(values)), abs=1e-9)


def test_an_interval_does_not_depend_on_the_other_groups() -> None:
    samples = [[2.0, 4.0, 9.0], [1.0, 2.0, 2.5], [5.0], [4.0, 4.0, 4.0], [1.0, 2.0, 3.0, 5.0]]
    assert summaries(samples) == [summary(sample) for sample in samples]
    assert summary([4.0] * FEWEST)[2:] == (0.0, 4.0, 4.0)


@given(st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=1, max_size=6))
def test_what_is_written_is_the_mean_to_its_error(values: list[float]) -> None:
    found = summary(values)
    digits = written(found).split(" ± ")
    allowed = max(5e-4, 0.05 * (found.error or 0), 5e-5 * abs(found.mean))
    assert abs(float(digits[0]) - found.mean) <= allowed
