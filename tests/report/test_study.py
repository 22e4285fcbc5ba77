"""Logs of groups of runs, averaged as they are read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.report.finding import find_runs
from gan_lightning.report.picture import Curve
from gan_lightning.report.study import (
    LANES,
    SINGLES,
    RunningMoments,
    Study,
    curve_of,
    labels_of,
    lanes_of,
)
from tests.report.made import logged, made, png
from tests.report.views import comparison, curve, panels, study


def test_moments_one_by_one_are_those_of_all() -> None:
    moments = RunningMoments()
    for value in (2.0, 4.0, 9.0):
        moments.add(value)
    assert (moments.n, moments.mean) == (3, 5.0)
    assert moments.error == pytest.approx(math.sqrt(13 / 3), abs=1e-15)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_a_band_of_positive_values_stays_above_the_smallest(values: list[float]) -> None:
    moments = RunningMoments()
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


def moments(*values: float) -> RunningMoments:
    found = RunningMoments()
    for value in values:
        found.add(value)
    return found


def test_moments_do_not_depend_on_the_order_and_one_value_has_no_error() -> None:
    assert moments(9.0, 2.0, 4.0).mean == pytest.approx(5.0, abs=1e-15)
    assert moments(9.0, 2.0, 4.0).error == pytest.approx(moments(2.0, 4.0, 9.0).error)
    assert (moments(7.0).mean, moments(7.0).error, moments().error) == (7.0, 0.0, 0.0)
    assert moments(1e9, 1e9 + 2).error == 1.0  # no digits are lost far from zero


def test_a_curve_goes_through_the_iterations_in_their_order() -> None:
    found = curve_of("a", {20: moments(3.0, 5.0), 10: moments(2.0)}, 4)
    assert found == Curve("a", [10.0, 20.0], [2.0, 4.0], [2.0, 3.0], [2.0, 5.0], 4)


def test_a_curve_of_single_values_has_no_band() -> None:
    assert curve_of("a", {10: moments(2.0), 20: moments(3.0)}, 0) == Curve(
        "a", [10.0, 20.0], [2, 3]
    )


def test_labels_are_what_tells_groups_apart() -> None:
    by = ["data", "model.norm", "model.norm.scale", "model.n_dis"]
    keys = [("digits", "sn", None, "5"), ("digits", "bssn", "2", "5"), ("digits", "bssn", "3", "5")]
    assert [*labels_of(keys, by).values()] == ["sn", "bssn, scale 2", "bssn, scale 3"]
    assert labels_of(keys[:1], by) == {keys[0]: "all runs"}
    widths = ["model.generator.width", "model.discriminator.width"]
    assert [*labels_of([("1", "2"), ("3", "4")], widths).values()] == [
        "generator.width 1, discriminator.width 2",
        "generator.width 3, discriminator.width 4",
    ]


def test_groups_that_are_shown_are_those_of_the_best_scores_in_the_order_of_the_table(
    tmp_path: Path,
) -> None:
    """Of a score that is better when higher as well; groups without a score come last."""
    for k in range(LANES + 2):
        folder = made(tmp_path / str(k), 0, n_dis=k + 1, fids=[float(k)] if k else {})
        scores = folder / "scores.jsonl"
        scores.write_text(scores.read_text().replace("digits_fid", "digits_is_mean"))
    lanes, left = lanes_of(comparison(tmp_path))
    assert [lane.label for lane in lanes] == [f"n_dis {k}" for k in range(3, LANES + 3)]
    assert left == 2


def test_runs_of_a_lane_are_finished_or_said_to_be_otherwise(tmp_path: Path) -> None:
    """A damaged or empty folder is in none, nor is a repeated run."""
    made(tmp_path / "a", 0)
    made(tmp_path / "b", 1, step=50, fids={})
    made(tmp_path / "c", 0)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "history.jsonl").touch()
    ((lane,), left) = lanes_of(comparison(tmp_path))
    assert lane.paths == {str(tmp_path / "a")}
    assert lane.others == {str(tmp_path / "b"): "unfinished"}
    assert (lane.options["model.norm"], left) == ("sn", 0)


def test_the_score_of_figures_is_the_first_that_has_a_direction(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    scores = folder / "scores.jsonl"
    text = scores.read_text().replace(
        '"digits_fid": 10.0', '"ms_ssim": 0.5, "digits_is_mean": 2.5, "kid_std": 0.1, "kid": 0.2'
    )
    scores.write_text(text)
    found = study(tmp_path)
    assert (found.score, found.scores) == ("digits_is_mean", ["digits_is_mean", "kid"])


def test_without_finished_runs_there_is_no_score(tmp_path: Path) -> None:
    made(tmp_path / "a", step=50, fids={50: 3.0})
    found = study(tmp_path)
    assert (found.score, found.scores) == (None, [])
    assert found.curves("discriminator_loss")[0].style == "thin"


def test_only_some_unfinished_runs_of_a_group_are_shown(tmp_path: Path) -> None:
    for seed in range(SINGLES + 2):
        made(tmp_path / str(seed), seed, step=50, fids={})
    assert len(study(tmp_path).curves("discriminator_loss")) == SINGLES


def test_parts_of_a_diagnostic_are_those_that_any_run_logged(tmp_path: Path) -> None:
    logged(made(tmp_path / "a", 0), {"variance/b": {0: 1.0}, "variance/a": {0: 1.0}})
    logged(made(tmp_path / "b", 1, step=50, fids={}), {"variance/c": {0: 1.0}, "other/d": {0: 1.0}})
    assert study(tmp_path).parts("variance") == ["b", "a", "c"]
    assert study(tmp_path).parts("vari") == []


def test_runs_that_appear_after_the_comparison_are_passed_over(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[4.0])
    found = comparison(tmp_path)
    made(tmp_path / "b", 1, fids=[8.0])
    (band,) = Study.of(found, find_runs([str(tmp_path)])).curves("digits_fid")
    assert (band.y, list(band.low)) == ([4.0], [])


def test_what_does_not_average_is_taken_from_a_groups_first_run(tmp_path: Path) -> None:
    for seed in range(2):
        folder = made(tmp_path / str(seed), seed)
        (folder / "layers.json").write_text(json.dumps({"a": {"alpha": seed}}))
        png(folder / "samples" / "step=00000050.png", 10)
        line = {"step": 1, "layer": "a", "squared_singular_values": [seed, 1.0]}
        (folder / "spectra.jsonl").write_text(json.dumps(line) + "\n")
        with (folder / "history.jsonl").open("a") as file:
            file.write(json.dumps({"seconds": 2.0 + seed, "iterations": 100}) + "\n")
    found = study(tmp_path)
    assert found.layers == {0: {"a": {"alpha": 0}}}
    assert found.spectra == {0: {"a": [0, 1.0]}}
    assert found.samples == {0: {50: tmp_path / "0" / "samples" / "step=00000050.png"}}
    assert found.seconds == {0: [2.0, 3.0]}  # of all its runs


def test_variances_at_the_best_score_are_those_of_the_last_look_before(tmp_path: Path) -> None:
    """A run without such a look, or whose variances have vanished, has no point."""
    product = {"early": {0: 0.5, 50: 0.25, 80: 0.1}, "late": {60: 0.5}, "gone": {0: 0.0}}
    for seed, (name, points) in enumerate(product.items()):
        folder = made(tmp_path / name, seed, fids={50: 4.0, 100: 9.0})
        logged(folder, {"variance/product": points})
    assert study(tmp_path).at_best == {0: [(0.25, 4.0)]}
