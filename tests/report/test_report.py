"""The figures' numbers against those worked out by hand, and the page that shows them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gan_lightning.cli.main import main
from gan_lightning.errors import UserError
from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.figures import FIGURES, SAMPLES, asked
from gan_lightning.report.finding import find_runs
from gan_lightning.report.grids import animation, chosen, grids
from gan_lightning.report.logged import last_spectra, seconds_per_100
from gan_lightning.report.missing import Missing
from gan_lightning.report.picture import Curve, Panel
from gan_lightning.report.study import Moments, Study
from tests.report.made import made

BSSN = {"name": "bssn", "scale": 2.0}


def logged(folder: Path, columns: Mapping[str, Mapping[int, float]]) -> Path:
    """Replaces a run's metrics."""
    steps = sorted({step for points in columns.values() for step in points})
    text = io.StringIO()
    file = csv.DictWriter(text, ["step", *columns], restval="", lineterminator="\n")
    file.writeheader()
    for step in steps:
        row = {name: points[step] for name, points in columns.items() if step in points}
        file.writerow({"step": step, **row})
    (folder / "metrics.csv").write_text(text.getvalue())
    return folder


def study(folder: Path, by: str | None = None, at: str = "end") -> Study:
    comparison = Comparison.of(find_runs([str(folder)]), by, At.parse(at))
    return Study.of(comparison, find_runs([str(folder)]))


def panels(name: str, found: Study) -> list[Panel]:
    (drawing,) = asked([name])
    return drawing.picture(found).panels


def curve(panel: Panel, label: str) -> Curve:
    (found,) = [curve for curve in panel.curves if curve.label == label]
    return found


# -------------------------------------------------------------------------------------- the numbers


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


def test_scores_over_training_are_means_with_their_error(tmp_path: Path) -> None:
    for seed, fids in enumerate([{50: 10.0, 100: 6.0}, {50: 14.0, 100: 8.0}]):
        made(tmp_path / str(seed), seed, fids=fids)
    (panel,) = panels("bssn-9", study(tmp_path))
    assert panel.curves == [
        Curve("all runs", [50.0, 100.0], [12.0, 7.0], [10.0, 6.0], [14.0, 8.0], 0)
    ]


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


def test_gradient_norms_together_and_by_layer(tmp_path: Path) -> None:
    for seed, factor in enumerate((1.0, 3.0)):
        columns = {
            "gradient_norm/a": {0: 3.0 * factor, 50: 0.3 * factor},
            "gradient_norm/total": {0: 5.0 * factor, 50: 0.0},
        }
        logged(made(tmp_path / str(seed), seed), columns)
    total, layer = panels("bssn-2", study(tmp_path))
    assert total.log_y
    assert curve(total, "all runs").y == [10.0, 0.0]
    assert layer.title == "all runs"
    assert curve(layer, "a").y == pytest.approx([6.0, 0.6])
    # 10 +- 5
    assert (curve(total, "all runs").low[0], curve(total, "all runs").high[0]) == (5.0, 15.0)


def test_variances_stand_beside_the_theorems_bounds(tmp_path: Path) -> None:
    """That of BSSN at scale 2 is four times Theorem 3's; SN has Theorem 2's; none has none."""
    norms: dict[str, Any] = {"sn": "sn", "bssn": BSSN, "none": "none"}
    for name, norm in norms.items():
        folder = made(tmp_path / name, 0, norm)
        logged(folder, {"variance/a": {0: 0.01, 100: 0.02}, "variance/product": {0: 0.01}})
        facts = {"a": {"scale": 2.0 if name == "bssn" else 1.0, "theorem_2": 0.1, "theorem_3": 0.2}}
        (folder / "layers.json").write_text(json.dumps(facts))
    (panel,) = panels("bssn-7", study(tmp_path))
    bounds = {c.label: c.y for c in panel.curves if c.style == "bound"}
    assert bounds == {
        "Theorem 2 (sn)": [0.1, 0.1],
        "Theorem 3 (bssn, scale 2)": pytest.approx([0.8, 0.8]),
    }


def test_norm_ratios_lie_between_one_and_alpha(tmp_path: Path) -> None:
    folder = logged(made(tmp_path / "a"), {"norm_ratio/a": {0: 1.5, 100: 1.6}})
    (folder / "layers.json").write_text(json.dumps({"a": {"alpha": 3.0}}))
    (panel,) = panels("bssn-20", study(tmp_path))
    assert curve(panel, "at least 1").y == [1.0, 1.0]
    assert curve(panel, "alpha 3").x == [0.0, 100.0]


def test_spectra_are_of_the_last_look_and_end_at_one(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    lines = [
        {"step": 0, "layer": "a", "squared_singular_values": [9.0, 9.0]},
        {"step": 0, "layer": "gone", "squared_singular_values": [9.0, 9.0]},
        {"step": 50, "layer": "a", "squared_singular_values": [4.0, 1.0]},
        {"step": 50, "layer": "b", "squared_singular_values": [7.0]},
    ]
    text = "\n".join(map(json.dumps, lines)) + '\n{"step": 60, "lay'
    (folder / "spectra.jsonl").write_text(text)
    assert last_spectra(folder / "spectra.jsonl") == {"a": [4.0, 1.0], "b": [7.0]}
    (panel,) = panels("sngan-3", study(tmp_path))  # one value is no spectrum
    assert (panel.title, panel.curves[0].y) == ("a", [1.0, 0.25])


def test_scores_against_variances_take_each_runs_best(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", fids={50: 4.0, 100: 9.0})
    logged(folder, {"variance/product": {0: 1.0, 40: 1e-3, 60: 1e-6}})
    (panel,) = panels("bssn-23", study(tmp_path))
    assert panel.curves[0].x == pytest.approx([-3.0])
    assert panel.curves[0].y == [4.0]


def test_time_is_that_of_all_starts(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    ends = [{"iterations": 60, "seconds": 3.0}, {"iterations": 40, "seconds": 5.0}]
    with (folder / "history.jsonl").open("a") as file:
        file.writelines(json.dumps({"ended": "x", **end}) + "\n" for end in ends)
    assert seconds_per_100(folder / "history.jsonl") == 8.0
    (panel,) = panels("sngan-10", study(tmp_path))
    assert (panel.ticks, panel.curves[0].y) == (["all runs"], [8.0])


def test_rescaled_layers_are_points(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    (folder / "rescaling.csv").write_text(
        "draw,layer,gradient,spectral\n0,a,2.0,2.5\n1,a,0.5,0.4\n1,b,nan,1\n"
    )
    (panel,) = panels("bssn-3", study(tmp_path))
    assert (curve(panel, "a").x, curve(panel, "a").y) == ([2.5, 0.4], [2.0, 0.5])
    assert curve(panel, "equal").x == [0.4, 2.5]


def test_long_logs_are_thinned_and_infinities_left_out(tmp_path: Path) -> None:
    points = {step: (math.inf if step == 0 else float(step)) for step in range(10_000)}
    logged(made(tmp_path / "a", max_steps=10_000), {"discriminator_loss": points})
    (panel,) = panels("losses", study(tmp_path))
    assert len(panel.curves[0].x) == 199
    assert panel.curves[0].x == panel.curves[0].y == [float(k) for k in range(50, 10_000, 50)]


def test_figures_show_the_best_groups_only(tmp_path: Path) -> None:
    for k in range(12):
        made(tmp_path / str(k), 0, {"name": "ssn", "scale": k + 1}, [100.0 - k])
    found = study(tmp_path)
    assert found.left == 4
    assert [lane.label for lane in found.lanes] == [f"scale {k + 1}" for k in range(4, 12)]
    (panel,) = panels("scale", found)
    assert len(panel.curves[0].x) == 12  # but all of them against the scale


def test_what_no_run_holds_is_said_with_its_option(tmp_path: Path) -> None:
    made(tmp_path / "a")
    for name, option in {
        "bssn-2": "diagnostics.of to [gradient_norm]",
        "bssn-7": "diagnostics.of to [variance]",
        "sngan-3": "diagnostics.of to [spectra]",
        "sngan-11": "several model.n_dis",
    }.items():
        with pytest.raises(Missing, match=re.escape(option)):
            panels(name, study(tmp_path))


def test_every_figure_of_the_papers_has_one_row() -> None:
    numbers = [number for row in FIGURES for number in row.numbers] + [*SAMPLES]
    assert len(numbers) == len(set(numbers))
    studies = {
        *(f"bssn-{n}" for n in (*range(2, 51), 55, *range(56, 61), 65, 66)),
        *(f"sngan-{n}" for n in (3, 4, 9, 10, 11, 17)),
    }
    assert studies <= set(numbers)
    with pytest.raises(UserError, match="bssn-99 is no figure"):
        list(asked(["bssn-99"]))


# ----------------------------------------------------------------------------------------- samples


def png(path: Path, color: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (64, 32), (color, 0, 255 - color)).save(path)
    return path


def test_an_animation_goes_through_training(tmp_path: Path) -> None:
    files = {k: png(tmp_path / "samples" / f"{k}.png", k) for k in (10, 20, 30)}
    (tmp_path / "samples" / "40.png").write_bytes(b"\x89PNG\r\n")
    files[40] = tmp_path / "samples" / "40.png"
    found = grids(files, chosen(list(files)))
    assert [grid.step for grid in found] == [10, 20, 30]  # the damaged one is left out
    with Image.open(io.BytesIO(animation(found))) as moving:
        assert (moving.format, moving.n_frames, moving.size) == ("GIF", 3, (64, 32))  # type: ignore[attr-defined]


# -------------------------------------------------------------------------------------------- page


class Seen(HTMLParser):
    """What a page loads and links to, and what pictures say."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.alts: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loaded += [found[k] for k in ("src", "srcset", "data") if k in found]
        self.loaded += [found["href"]] if tag == "link" else []
        self.alts += [found.get("alt", "")] if tag == "img" else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        assert tag not in ("script", "iframe", "object", "embed")


def test_the_page_holds_all_it_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        for norm in ("sn", "<none> & $x_1$"):
            folder = made(
                tmp_path / "runs" / f"{len(norm)}-{seed}", seed, norm, {50: 9.0, 100: 7.0}
            )
            png(folder / "samples" / "step=00000050.png", 10)
            png(folder / "samples" / "step=00000100.png", 200)
    made(tmp_path / "runs" / "unfinished", 5, "sn", {}, step=30)
    out = tmp_path / "out"
    main(["report", str(tmp_path / "runs"), "--out", str(out), "--figure", "bssn-9,samples,bssn-7"])
    text = (out / "index.html").read_text()
    page = Seen()
    page.feed(text)
    assert page.loaded
    assert all(source.startswith("data:") for source in page.loaded)
    assert not re.search(r"url\(|@import|https?://", text)
    assert all(len(alt) > 20 for alt in page.alts)
    assert page.tables == page.captions == 2
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inside) <= set(page.ids)
    assert all((out / link).is_file() for link in page.links if not link.startswith("#"))
    assert "unfinished: 30 of 100 iterations" in text
    assert "prefers-reduced-motion" in text
    assert "diagnostics.of to [variance]" in text
    assert "&lt;none&gt; &amp; $x_1$" in text
    assert "Not drawn: bssn-7" in capsys.readouterr().out
    names = {path.name for path in out.iterdir()}
    assert {"bssn-9.png", "bssn-9.svg", "bssn-9.csv", "table.csv", "samples-0.gif"} <= names
    with (out / "bssn-9.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["y"] for row in rows if row["curve"] == "sn"] == ["9.0", "7.0"]
    assert (out / "bssn-9.svg").read_text().count("<svg") == 2  # the sheet and its one panel


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--figure", "bssn-1000"], "--figure bssn-1000 is no figure; some that are:"),
        (["--figure", ","], "--figure needs names of figures"),
        (["--iterations", "x"], "--iterations x is not allowed"),
        (["--at", "x"], "--at x is not allowed"),
    ],
)
def test_mistakes_take_one_sentence(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made(tmp_path / "a")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / "a"), "--out", str(tmp_path / "out"), *arguments])
    assert ended.value.code == 2
    assert f"gan: error: {said}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
