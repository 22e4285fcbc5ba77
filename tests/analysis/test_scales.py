"""What probes say of scales."""

from __future__ import annotations

import math

import pytest

from gan_lightning.analysis.scales import Probe, interval, judge


@pytest.mark.parametrize(
    ("norms", "verdict"),
    [
        ([50.0, 1.0, 2.0, 3.0], "fine"),
        ([1e-6, 1e-6, 0.5, 0.5], "fine"),  # it recovers
        ([5.0, 5.0, 0.01, 0.01], "vanishes"),
        ([101.0, 1.0, 1.0, 1.0, 999.0], "fine"),  # spikes
        ([1.0, 1.0, 101.0, 101.0], "explodes"),
        ([1.0, 1.0, 0.0, 0.0], "dead"),
        ([1.0, math.nan], "explodes"),
        ([1.0, math.inf], "explodes"),
        ([], "explodes"),
    ],
)
def test_verdicts(norms: list[float], verdict: str) -> None:
    assert judge(1.0, norms, 0.1, 100.0).verdict == verdict
    assert judge(1.0, norms, 0.1, 100.0, finished=False).verdict == "explodes"


def test_the_median_is_of_the_second_half_and_the_highest_of_all() -> None:
    probe = judge(1.4, [9.0, 8.0, 1.0, 3.0, 2.0], 0.1, 100.0)
    assert probe == Probe(1.4, 2.0, 9.0, "fine")


def test_the_widest_interval_in_factors() -> None:
    def probes(**verdicts: str) -> list[Probe]:
        return [Probe(float(s[1:]), 1.0, 1.0, verdict) for s, verdict in verdicts.items()]

    assert interval(probes(s1="fine", s2="fine", s3="vanishes", s10="fine", s15="fine")) == (1, 2)
    assert interval(probes(s1="fine", s2="dead", s3="fine", s9="fine")) == (3, 9)
    assert interval(probes(s1="dead", s2="fine")) == (2, 2)
    assert interval(probes(s1="dead")) is None
    assert interval([]) is None
