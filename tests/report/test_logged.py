"""The logs of a run, read line by line: what is torn or no log is passed over."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gan_lightning.report.logged import (
    POINTS,
    facts_of,
    last_spectra,
    number,
    rescaling,
    rows_of,
    seconds_per_100,
    series_of,
)
from tests.report.made import logged, made
from tests.report.views import panels, study


def test_time_is_that_of_all_starts(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    ends = [{"iterations": 60, "seconds": 3.0}, {"iterations": 40, "seconds": 5.0}]
    with (folder / "history.jsonl").open("a") as file:
        file.writelines(json.dumps({"ended": "x", **end}) + "\n" for end in ends)
    assert seconds_per_100(folder / "history.jsonl") == 8.0
    (panel,) = panels("sngan-10", study(tmp_path))
    assert (panel.ticks, panel.curves[0].y) == (["all runs"], [8.0])


def test_long_logs_are_thinned_and_infinities_left_out(tmp_path: Path) -> None:
    points = {step: (math.inf if step == 0 else float(step)) for step in range(10_000)}
    logged(made(tmp_path / "a", max_steps=10_000), {"discriminator_loss": points})
    (panel,) = panels("losses", study(tmp_path))
    assert len(panel.curves[0].x) == 199
    assert panel.curves[0].x == panel.curves[0].y == [float(k) for k in range(50, 10_000, 50)]


def test_a_row_counts_that_is_whole_and_says_its_iteration(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(
        "step,a,b\n1,2.0,\n2,,3.0\n\nx,1,1\n,1,1\n-4,1,1\n5,1\n6,1,1,1\n\0007,\0008,\n8,9"
    )
    assert list(rows_of(path)) == [
        {"step": "1", "a": "2.0"},
        {"step": "2", "b": "3.0"},
        {"step": "7", "a": "8"},
    ]


@pytest.mark.parametrize("content", [b"", b"step,a\n", b"\xff\xfe\n", b"a,b\n1,2\n"])
def test_a_log_without_rows_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    assert list(rows_of(tmp_path / "metrics.csv")) == []
    assert list(rows_of(tmp_path / "absent")) == list(rows_of(tmp_path)) == []


@pytest.mark.parametrize(
    ("text", "value"), [("2.5", 2.5), ("-1e-3", -1e-3), ("inf", math.inf), (3, 3.0)]
)
def test_what_is_a_number_is_read_as_one(text: object, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "x", None, [], "1,5"])
def test_what_is_none_is_nan(text: object) -> None:
    assert math.isnan(number(text))


def test_figures_get_losses_and_diagnostics_and_nothing_of_the_trainer() -> None:
    row = {"step": "4", "discriminator_loss": "1", "generator_loss": "2", "variance/a": "x"}
    found = series_of([row | {"trainer/global_step": "4", "fid": "9", "lr-Adam": "1"}], 100)
    assert found.keys() == {"discriminator_loss", "generator_loss", "variance/a"}
    assert found["generator_loss"] == {4: 2.0}
    assert math.isnan(found["variance/a"][4])
    assert series_of([], 100) == {}


@pytest.mark.parametrize(("last", "kept"), [(100, 100), (POINTS, 100), (1000, 20), (4000, 5)])
def test_of_a_curve_the_first_of_each_stretch_is_kept(last: int, kept: int) -> None:
    """Stretches are so long that there are no more of them than can be seen."""
    rows = [{"step": str(step), "generator_loss": str(step)} for step in range(100)]
    rows += [{"step": "99", "discriminator_loss": "7"}]
    found = series_of(rows, last)
    assert [*found["generator_loss"]] == [*range(0, 100, 100 // kept)]
    assert found["discriminator_loss"] == {99: 7.0}  # each column has stretches of its own


def test_spectra_of_no_look_are_none(tmp_path: Path) -> None:
    assert last_spectra(tmp_path / "absent") == {}
    lines = [
        {"step": 1, "layer": "gone", "squared_singular_values": [9.0]},
        {"step": 5, "layer": "a", "squared_singular_values": [1.0]},
        {"step": 3, "layer": "b", "squared_singular_values": [2.0]},
        {"step": "9", "layer": "c", "squared_singular_values": [3.0]},
        {"step": 9, "layer": "d"},
    ]
    (tmp_path / "x").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{\n[1]\n")
    assert last_spectra(tmp_path / "x") == {"a": [1.0]}


def test_rescaled_layers_are_pairs_of_finite_ratios(tmp_path: Path) -> None:
    path = tmp_path / "rescaling.csv"
    path.write_text("draw,layer,gradient,spectral\n0,a,2.0,2.5\n0,b,1,\n1,a,inf,1\n2,b,3,4\n3,c")
    assert rescaling(path) == {"a": [(2.5, 2.0)], "b": [(4.0, 3.0)]}
    assert rescaling(tmp_path / "absent") == {}


def test_time_is_not_known_where_nothing_says_it(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert seconds_per_100(path) is None
    path.write_text('{"iteration": 0}\n{"seconds": 5.0, "iterations": 0}\n{"seconds": "x"}\n{"sec')
    assert seconds_per_100(path) is None
    with path.open("a") as file:
        file.write('\n{"seconds": 5.0, "iterations": 50}\n')
    assert seconds_per_100(path) == 10.0


@pytest.mark.parametrize(
    ("content", "facts"), [('{"a": 1}', {"a": 1}), ("[1]", {}), ('{"a":', {}), ("", {})]
)
def test_facts_are_those_of_a_whole_file(tmp_path: Path, content: str, facts: object) -> None:
    (tmp_path / "x.json").write_text(content)
    assert facts_of(tmp_path / "x.json") == facts
    assert facts_of(tmp_path / "absent.json") == {}
