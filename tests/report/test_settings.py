"""Figures of scores against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.report.picture import Curve
from tests.report.made import logged, made
from tests.report.views import curve, panels, study


def test_scores_over_training_are_means_with_their_error(tmp_path: Path) -> None:
    for seed, fids in enumerate([{50: 10.0, 100: 6.0}, {50: 14.0, 100: 8.0}]):
        made(tmp_path / str(seed), seed, fids=fids)
    (panel,) = panels("bssn-9", study(tmp_path))
    assert panel.curves == [
        Curve("all runs", [50.0, 100.0], [12.0, 7.0], [10.0, 6.0], [14.0, 8.0], 0)
    ]


def test_scores_against_scale_by_hand(tmp_path: Path) -> None:
    for seed in range(2):
        for scale, fid in ((1.0, 20.0), (2.0, 10.0)):
            norm = {"name": "ssn", "scale": scale}
            made(tmp_path / f"ssn-{scale}-{seed}", seed, norm, [fid + 2 * seed])
        made(tmp_path / f"sn-{seed}", seed, "sn", [30.0 + 2 * seed])
    (panel,) = panels("bssn-6", study(tmp_path))
    assert curve(panel, "ssn") == (
        *("ssn", [1.0, 2.0], [21.0, 11.0], [20.0, 10.0], [22.0, 12.0]),
        *(curve(panel, "ssn").color, "solid"),
    )
    assert curve(panel, "sn").style == "level"
    assert curve(panel, "sn").y == [31.0]


def test_bars_over_settings_by_hand(tmp_path: Path) -> None:
    for n_dis, (sn, bsn) in {1: (30.0, 20.0), 5: (40.0, 25.0)}.items():
        made(tmp_path / f"sn-{n_dis}", 0, "sn", [sn], n_dis=n_dis)
        made(tmp_path / f"bsn-{n_dis}", 0, "bsn", [bsn], n_dis=n_dis)
    (panel,) = panels("bssn-24", study(tmp_path))
    assert panel.ticks == ["n_dis 1", "n_dis 5"]
    assert (curve(panel, "sn").x, curve(panel, "sn").y) == ([0.0, 1.0], [30.0, 40.0])
    assert curve(panel, "bsn").y == [20.0, 25.0]
    (panel,) = panels("sngan-11", study(tmp_path))
    assert (curve(panel, "bsn").x, curve(panel, "bsn").y) == ([1.0, 5.0], [20.0, 25.0])


def test_scores_against_variances_take_each_runs_best(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", fids={50: 4.0, 100: 9.0})
    logged(folder, {"variance/product": {0: 1.0, 40: 1e-3, 60: 1e-6}})
    (panel,) = panels("bssn-23", study(tmp_path))
    assert panel.curves[0].x == pytest.approx([-3.0])
    assert panel.curves[0].y == [4.0]
