"""Figures of scores against numbers worked out by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gan_lightning.report.missing import Missing
from gan_lightning.report.picture import Curve
from gan_lightning.report.settings import direction, points_of
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


def test_points_are_of_every_group_that_has_the_score(tmp_path: Path) -> None:
    for scale, fid in ((1.0, 20.0), (2.0, 10.0)):
        made(tmp_path / f"ssn-{scale}", 0, {"name": "ssn", "scale": scale}, [fid])
    made(tmp_path / "sn", 0, "sn", [30.0])
    found = {
        (str(p.x), p.label): p.value.mean
        for p in points_of(study(tmp_path), "model.norm.scale", "digits_fid")
    }
    assert found == {("1.0", "ssn"): 20.0, ("2.0", "ssn"): 10.0, ("nan", "sn"): 30.0}
    assert points_of(study(tmp_path), "model.norm.scale", "digits_kid") == []
    assert points_of(study(tmp_path), "model.n_dis", "digits_fid") == []


@pytest.mark.parametrize(("values", "log"), [((1, 5), True), ((1, 4), False), ((2, 8, 9), True)])
def test_an_axis_is_logarithmic_where_values_lie_far_apart(
    tmp_path: Path, values: tuple[int, ...], log: bool
) -> None:
    for n_dis in values:
        made(tmp_path / str(n_dis), 0, n_dis=n_dis)
    (panel,) = panels("n-dis", study(tmp_path))
    assert (panel.log_x, panel.x, panel.y) == (log, "n_dis", "digits_fid")
    assert list(panel.curves[0].x) == [float(value) for value in values]


def test_each_score_has_a_panel(tmp_path: Path) -> None:
    for scale in (1.0, 2.0):
        folder = made(tmp_path / str(scale), 0, {"name": "ssn", "scale": scale})
        scores = folder / "scores.jsonl"
        scores.write_text(scores.read_text().replace('"fid_real"', '"is_mean": 2.0, "fid_real"'))
    found = study(tmp_path)
    for name in ("scale", "scores", "settings"):
        assert [panel.y for panel in panels(name, found)] == ["digits_fid", "is_mean"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("scale", "no run holds scores at two values of model.norm.scale: train with several"),
        (
            "n-dis",
            "no run holds scores at two values of model.n_dis: train with several model.n_dis",
        ),
        ("width", "no run holds scores at two values of width: train with several widths of the"),
        ("variance-product", "variance/product beside scores: set diagnostics.of to [variance]"),
        ("time", "no run holds its time in history.jsonl: train with this version, to the end"),
    ],
)
def test_what_is_missing_is_said_with_what_makes_it(tmp_path: Path, name: str, said: str) -> None:
    made(tmp_path / "a", 0, {"name": "ssn", "scale": 1.0})
    made(tmp_path / "b", 0, "sn")
    with pytest.raises(Missing, match=re.escape(said)):
        panels(name, study(tmp_path))


@pytest.mark.parametrize("name", ["scores", "scale", "settings"])
def test_figures_of_scores_need_a_finished_run(tmp_path: Path, name: str) -> None:
    made(tmp_path / "a", step=50, fids={50: 1.0})
    with pytest.raises(Missing, match="scores of finished runs: train to the end, with evaluation"):
        panels(name, study(tmp_path))


def test_the_width_is_that_of_the_last_layer_where_several_differ(tmp_path: Path) -> None:
    for last in (0.5, 4.0):
        network = {"class_path": "mine.D", "init_args": {"width": 8 * last, "last_width": last}}
        made(tmp_path / str(last), 0, discriminator=network)
    (panel,) = panels("width", study(tmp_path))
    assert sorted(x for c in panel.curves for x in c.x) == [0.5, 4.0]


def test_losses_of_both_players_stand_beside_each_other(tmp_path: Path) -> None:
    columns = {"generator_loss": {0: 1.0, 100: 3.0}, "discriminator_loss": {0: 2.0, 100: 4.0}}
    logged(made(tmp_path / "a"), columns)
    first, second = panels("losses", study(tmp_path))
    assert (first.y, first.curves[0].y) == ("discriminator_loss", [2.0, 4.0])
    assert (second.y, second.curves[0].y) == ("generator_loss", [1.0, 3.0])
    logged(tmp_path / "a", {"other": {0: 1.0, 100: 1.0}})
    with pytest.raises(Missing, match=re.escape("metrics.csv: set trainer.log_every_n_steps")):
        panels("losses", study(tmp_path))


def test_bars_have_errors_where_there_are_several_seeds(tmp_path: Path) -> None:
    for seed in range(2):
        made(tmp_path / f"sn-{seed}", seed, "sn", [10.0 + 2 * seed])
    made(tmp_path / "bsn", 0, "bsn", [7.0])
    (panel,) = panels("settings", study(tmp_path))
    assert curve(panel, "sn")[1:5] == ([0.0], [11.0], [10.0], [12.0])
    assert curve(panel, "bsn")[1:5] == ([0.0], [7.0], [], [])
    assert panel.ticks == ["all runs"]
    assert curve(panel, "sn").color != curve(panel, "bsn").color


def test_times_are_means_between_the_least_and_the_most(tmp_path: Path) -> None:
    for k, (norm, seconds) in enumerate([("sn", 2.0), ("sn", 6.0), ("bsn", 3.0)]):
        folder = made(tmp_path / str(k), k, norm)
        with (folder / "history.jsonl").open("a") as file:
            file.write(json.dumps({"seconds": seconds, "iterations": 50}) + "\n")
    (panel,) = panels("time", study(tmp_path))
    (bars,) = panel.curves
    assert (panel.ticks, bars.x) == (["bsn", "sn"], [0.0, 1.0])
    assert (bars.y, bars.low, bars.high) == ([6.0, 8.0], [6.0, 4.0], [6.0, 12.0])


def test_a_direction_is_said_of_scores_that_have_one() -> None:
    said = [direction(score) for score in ("is_mean", "ema_kid", "kid_std")]
    assert said == ["higher is better", "lower is better", ""]
