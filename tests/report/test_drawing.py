"""Panels are drawn whole, alike each time, and stand beside each other in one file."""

from __future__ import annotations

import io
import math
import re

import pytest
from PIL import Image

from gan_lightning.report.drawing import COLORS, COLUMNS, Drawn, draw, together
from gan_lightning.report.picture import Curve, Panel, Style

LINE = Curve("sn", [0.0, 50.0, 100.0], [9.0, 5.0, 4.0], [8.0, 4.0, 3.0], [10.0, 6.0, 5.0])


def panel(*curves: Curve, title: str = "", log_y: bool = False) -> Panel:
    return Panel(title, "iteration", "fid", [*curves], log_y=log_y)


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as picture:
        picture.verify()
        return picture.size


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.fixture(scope="module")
def plain() -> Drawn:
    return draw(panel(LINE))


@pytest.fixture(scope="module")
def titled() -> Drawn:
    """The same, called like its one curve."""
    return draw(panel(LINE, title="sn"))


def test_a_panel_says_what_its_axes_and_curves_are(plain: Drawn, titled: Drawn) -> None:
    assert {"iteration", "fid", "sn"} <= set(words(plain.svg))
    assert {"iteration", "fid", "sn"} <= set(words(titled.svg))


def test_the_same_panel_is_the_same_file_each_time(plain: Drawn) -> None:
    """Without a date or a random name in it: reports can be compared byte by byte."""
    assert draw(panel(LINE)) == plain


def test_a_legend_stands_below_where_the_title_does_not_say_it(plain: Drawn, titled: Drawn) -> None:
    assert words(titled.svg).count("sn") == 1  # the title
    assert size(titled.png)[1] < size(plain.png)[1]
    labels = [f"a method with a long name, number {k}" for k in range(3)]
    several = draw(panel(*(LINE._replace(label=label) for label in labels), title="t"))
    assert set(labels) <= set(words(several.svg))
    assert size(several.png)[1] > size(plain.png)[1]


def test_dollars_are_no_mathematics() -> None:
    """A folder may be called anything; what is no formula could not be drawn."""
    named = [LINE._replace(label="$x_1$"), LINE._replace(label="b")]
    drawn = draw(panel(*named, title="$\\bad{$"))
    assert {"$x_1$", "$\\bad{$"} <= set(words(drawn.svg))


@pytest.mark.parametrize(
    ("y", "log"), [([1.0, 100.0], True), ([1.0, 2.0, math.inf], False), ([0.0, 1.0], True)]
)
def test_a_logarithmic_axis_is_taken_where_it_shows_more(y: list[float], log: bool) -> None:
    """It has powers of ten; a zero lies on its lower edge."""
    drawn = draw(panel(Curve("a", [*map(float, range(len(y)))], y), log_y=True))
    assert ("<tspan" in drawn.svg) == log


def strokes(svg: str, color: str) -> set[str]:
    """The ways in which lines and markers of a colour are drawn."""
    return set(re.findall(f'style="([^"]*stroke: {color.lower()}[^"]*)"', svg))


def test_every_style_is_told_from_the_others() -> None:
    styles: tuple[Style, ...] = ("solid", "thin", "bound", "points", "level")
    curves = [Curve(s, [0.0, 1.0], [k, k + 1], style=s) for k, s in enumerate(styles)]
    found = strokes(draw(panel(*curves)).svg, COLORS[0])
    assert len([stroke for stroke in found if "fill: none" in stroke]) == 4
    assert [stroke for stroke in found if "opacity" in stroke]  # the points


def test_colours_differ_and_come_again_with_another_dash() -> None:
    assert len(set(COLORS)) == len(COLORS)
    first, again = LINE._replace(color=1), LINE._replace(color=1 + len(COLORS))
    found = strokes(draw(panel(first, again)).svg, COLORS[1])
    lines = [stroke for stroke in found if "fill: none" in stroke]
    assert sorted("stroke-dasharray" in line for line in lines) == [False, True]


def test_a_band_is_drawn_where_there_is_one(plain: Drawn) -> None:
    assert "PolyCollection" in plain.svg
    assert "PolyCollection" not in draw(panel(LINE._replace(low=(), high=()))).svg


def test_bars_stand_over_their_ticks_with_their_errors() -> None:
    bars = [Curve("a", [0.0, 1.0], [1.0, 2.0], [0.5, 1.5], [2.0, 2.5]), Curve("b", [1.0], [3.0])]
    drawn = draw(Panel("", "setting", "fid", bars, ticks=["n_dis 1", "n_dis 5"]))
    assert {"n_dis 1", "n_dis 5", "a", "b"} <= set(words(drawn.svg))
    assert "LineCollection" in drawn.svg  # the errors


def test_a_curve_without_finite_values_keeps_no_panel_from_being_drawn() -> None:
    odd = [[], [math.nan] * 3, [math.inf, -1.0, -2.0]]
    curves = [Curve("odd", [0.0, 1.0, 2.0][: len(y)], y) for y in odd]
    assert size(draw(panel(*curves, log_y=True)).png)


def test_panels_stand_beside_and_below_each_other(plain: Drawn) -> None:
    width, height = size(plain.png)
    for count, across, down in ((2, 2, 1), (COLUMNS + 1, COLUMNS, 2)):
        sheet = together([plain] * count)
        assert size(sheet.png) == (across * width, down * height)
        assert sheet.svg.count("<svg") == count + 1


def test_names_inside_a_sheet_are_told_apart(plain: Drawn) -> None:
    """Clip paths and markers of one panel are not taken for those of another."""
    svg = together([plain, plain]).svg
    names = re.findall(r'\bid="([^"]+)"', svg)
    assert len(names) == len(set(names)) > 0
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    assert used
    assert used <= set(names)
