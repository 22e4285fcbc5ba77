"""Means, errors and intervals against numbers worked out by hand and the textbook's formulas."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.report.statistics import (
    FEWEST,
    RESAMPLES,
    Summary,
    paired,
    summaries,
    summary,
    written,
)


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


def test_another_unit_changes_every_number_in_the_same_way() -> None:
    values = [2.0, 4.0, 9.0, 5.0]
    plain, other = summary(values), summary([3 * value + 7 for value in values])
    for mine, theirs in (
        (plain.mean, other.mean),
        (plain.low, other.low),
        (plain.high, other.high),
    ):
        assert mine is not None
        assert theirs == pytest.approx(3 * mine + 7)
    assert plain.error is not None
    assert other.error == pytest.approx(3 * plain.error)


def test_however_many_samples_there_are_each_has_its_own_numbers() -> None:
    samples = [[float(k), 2.0 * k, 5.0] for k in range(70)]
    found = summaries(samples)
    assert [f.mean for f in found] == [pytest.approx(k + 5 / 3) for k in range(70)]
    assert found[40] == summary(samples[40])
    assert found[69] == summary(samples[69])
    assert summaries([]) == []


def test_an_interval_holds_the_mean_and_no_value_beyond_the_sample() -> None:
    found = summary([2.0, 4.0, 9.0])
    assert found.low is not None
    assert found.high is not None
    assert 2.0 <= found.low < found.mean < found.high <= 9.0


def test_only_what_both_have_is_paired() -> None:
    ours: dict[Hashable, float] = {"0": 3.0, "1": 5.0, "2": 7.0}
    theirs: dict[Hashable, float] = {"2": 1.0, "0": 2.0, "5": 9.0}
    assert paired(ours, theirs) == [1.0, 6.0]
    assert paired(theirs, ours) == [-6.0, -1.0]
    assert paired(ours, {"9": 1.0}) == paired({}, theirs) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Summary(1, 0.0), "0.000"),
        (Summary(1, 31432.1), "31432"),
        (Summary(1, 0.00012345), "0.00012345"),
        (Summary(3, 4.0, 0.0, 4.0, 4.0), "4.000 ± 0.000 [4.000, 4.000]"),
        (Summary(2, 1234.5, 120.0), "1234 ± 120"),
        (Summary(1, math.inf), "inf"),
    ],
)
def test_digits_are_those_that_mean_something(value: Summary, text: str) -> None:
    """Two of the error; without one, five of the value."""
    assert written(value) == text


def test_a_difference_shows_its_sign_and_an_error_has_none() -> None:
    value = Summary(3, 2.0, 0.5, -0.25, 3.0)
    assert written(value, sign=True) == "+2.00 ± 0.50 [-0.25, +3.00]"
    assert written(value) == "2.00 ± 0.50 [-0.25, 3.00]"
