"""Logs of groups of runs, averaged as they are read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.report.study import Moments
from tests.report.made import made
from tests.report.views import curve, panels, study


def test_moments_one_by_one_are_those_of_all() -> None:
    moments = Moments()
    for value in (2.0, 4.0, 9.0):
        moments.add(value)
    assert (moments.n, moments.mean) == (3, 5.0)
    assert moments.error == pytest.approx(math.sqrt(13 / 3), abs=1e-15)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_a_band_of_positive_values_stays_above_the_smallest(values: list[float]) -> None:
    moments = Moments()
    for value in values:
        moments.add(value)
    assert moments.mean - moments.error >= min(values) - 1e-9 * max(values)


def test_unfinished_runs_stand_apart_from_the_means(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids={50: 10.0, 100: 6.0})
    made(tmp_path / "b", 1, fids={50: 1000.0}, step=60)
    (panel,) = panels("scores", study(tmp_path))
    assert curve(panel, "all runs").y == [10.0, 6.0]
    alone = curve(panel, "all runs (unfinished)")
    assert (alone.x, alone.y, alone.style) == ([50.0], [1000.0], "thin")


def test_a_differently_measured_evaluation_is_in_no_curve(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids={50: 10.0, 100: 6.0})
    made(tmp_path / "b", 1, fids={50: 12.0, 100: 8.0})
    made(tmp_path / "c", 2, fids={50: 900.0, 100: 900.0}, measure={"protocol": "paper"})
    (panel,) = panels("scores", study(tmp_path))
    assert curve(panel, "all runs").y == [11.0, 7.0]


def test_figures_show_the_best_groups_only(tmp_path: Path) -> None:
    for k in range(12):
        made(tmp_path / str(k), 0, {"name": "ssn", "scale": k + 1}, [100.0 - k])
    found = study(tmp_path)
    assert found.left == 4
    assert [lane.label for lane in found.lanes] == [f"scale {k + 1}" for k in range(4, 12)]
    (panel,) = panels("scale", found)
    assert len(panel.curves[0].x) == 12  # but all of them against the scale
