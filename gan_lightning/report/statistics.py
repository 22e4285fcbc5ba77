"""What a few seeds say: mean, standard error, and how far both are to be trusted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 9999
CONFIDENCE = 0.95
FEWEST = 3
"""Below this many values, resampling them says nothing."""


class Summary(NamedTuple):
    """Of the values of some seeds.

    Attributes:
        n: How many values.
        mean: Their mean.
        error: Standard error of the mean, from the sample standard deviation; none of one value.
        low: Lower end of the 95 % bootstrap interval (BCa) of the mean; none of fewer than three.
        high: Upper end.
    """

    n: int
    mean: float
    error: float | None = None
    low: float | None = None
    high: float | None = None


def summaries(samples: Sequence[Sequence[float]]) -> list[Summary]:
    """Summaries of many samples at once, as fast as few.

    Args:
        samples: The values of each; at least one.
    """
    intervals: dict[int, tuple[float, float]] = {}
    for n in {len(sample) for sample in samples if len(sample) >= FEWEST}:
        alike = [k for k, sample in enumerate(samples) if len(sample) == n]
        found = bootstrap(np.array([samples[k] for k in alike], dtype=np.float64))
        intervals |= dict(zip(alike, found, strict=True))
    return [_summary(sample, *intervals.get(k, (None, None))) for k, sample in enumerate(samples)]


def summary(sample: Sequence[float]) -> Summary:
    """The summary of one sample."""
    return summaries([sample])[0]


def _summary(sample: Sequence[float], low: float | None, high: float | None) -> Summary:
    values = np.array(sample, dtype=np.float64)
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return Summary(len(values), float(values.mean()), error, low, high)


def bootstrap(samples: np.ndarray) -> list[tuple[float, float]]:
    """95 % intervals of the means by scipy's bias-corrected and accelerated bootstrap.

    Every sample is resampled by the same indices, a function of their number alone: a group's
    interval does not depend on which other groups stand in the table.

    Args:
        samples: ``(samples, values)``, at least three values each.
    """
    from scipy.stats import bootstrap as bca

    found: list[tuple[float, float]] = []
    for start in range(0, len(samples), CHUNK):
        part = samples[start : start + CHUNK]
        spread = np.ptp(part, axis=1) > 0  # equal values have no interval that scipy could find
        ends = np.stack([part[:, 0], part[:, 0]], axis=1)
        if spread.any():
            result = bca(
                (part[spread],),
                np.mean,
                axis=1,
                n_resamples=RESAMPLES,
                confidence_level=CONFIDENCE,
                rng=np.random.default_rng(0),
            )
            interval = result.confidence_interval
            ends[spread] = np.stack([interval.low, interval.high], axis=1)
        found += [(float(low), float(high)) for low, high in ends]
    return found


CHUNK = 32
"""Samples resampled at once: 9,999 x 32 x 8 bytes for each value of a sample."""


def paired(ours: Mapping[Hashable, float], theirs: Mapping[Hashable, float]) -> list[float]:
    """Differences at the seeds that both have, in the order of ours.

    >>> paired({"0": 3.0, "1": 5.0, "7": 9.0}, {"1": 4.0, "0": 1.0})
    [2.0, 1.0]
    """
    return [value - theirs[seed] for seed, value in ours.items() if seed in theirs]


def written(value: Summary, sign: bool = False) -> str:
    """Mean, standard error and interval, with as many digits as the error leaves meaning to.

    >>> written(Summary(1, 31.4321)), written(Summary(2, 31.4321, 0.8951))
    ('31.432', '31.43 ± 0.90')
    >>> written(Summary(5, -0.000423, 0.0000712, -0.00051, -0.00031), sign=True)
    '-0.000423 ± 0.000071 [-0.000510, -0.000310]'
    """
    decimals = _decimals(value)
    plus = "+" if sign else ""
    text = f"{value.mean:{plus}.{decimals}f}"
    if value.error is not None:
        text += f" ± {value.error:.{decimals}f}"
    if value.low is not None and value.high is not None:
        text += f" [{value.low:{plus}.{decimals}f}, {value.high:{plus}.{decimals}f}]"
    return text


def _decimals(value: Summary) -> int:
    """Two digits of the error; without one, five digits of the value, three decimals at most."""
    size, digits = (value.error, 2) if value.error else (abs(value.mean), 5)
    if size == 0 or not np.isfinite(size):
        return 3
    decimals = digits - 1 - int(np.floor(np.log10(size)))
    return int(np.clip(decimals, 0, 12 if value.error or size < 1e-2 else 3))
