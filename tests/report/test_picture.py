"""What a figure shows as numbers: every point in its file, and every panel in words."""

from __future__ import annotations

import csv
import io
import math

import pytest

from gan_lightning.report.picture import MOST, Curve, Panel, Picture, alt


def rows(*panels: Panel) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Picture("a", "A", "An a.", list(panels)).csv())))


def test_every_point_of_every_curve_is_a_line() -> None:
    first = Panel("one", "x", "y", [Curve("a", [0, 1], [2.5, 3.5]), Curve("b", [7], [8.0])])
    second = Panel("two", "x", "y", [Curve("a", [5], [0.1])])
    assert [(r["panel"], r["curve"], r["x"], r["y"]) for r in rows(first, second)] == [
        ("one", "a", "0", "2.5"),
        ("one", "a", "1", "3.5"),
        ("one", "b", "7", "8.0"),
        ("two", "a", "5", "0.1"),
    ]
    assert rows() == rows(Panel("", "x", "y", [])) == []


def test_bands_stand_beside_their_points_and_are_empty_without() -> None:
    curves = [Curve("a", [0, 1], [2.0, 3.0], [1.0, 2.5], [4.0, 5.5]), Curve("b", [0], [1.0])]
    assert [(r["low"], r["high"]) for r in rows(Panel("", "x", "y", curves))] == [
        ("1.0", "4.0"),
        ("2.5", "5.5"),
        ("", ""),
    ]


def test_bars_are_named_by_their_ticks() -> None:
    panel = Panel("", "setting", "fid", [Curve("a", [1.0, 0.0], [2.0, 3.0])], ticks=["p", "q"])
    assert [(r["x"], r["tick"]) for r in rows(panel)] == [("1.0", "q"), ("0.0", "p")]
    assert {r["tick"] for r in rows(Panel("", "x", "y", [Curve("a", [0], [1.0])]))} == {""}


def test_numbers_and_names_come_back_as_they_were() -> None:
    """All digits, and whatever stands in a label."""
    curve = Curve('a, "b"\nc', [1 / 3], [math.pi])
    (row,) = rows(Panel("p", "x", "y", [curve]))
    assert (float(row["x"]), float(row["y"]), row["curve"]) == (1 / 3, math.pi, curve.label)


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (Curve("a", [0, 1, 2], [5.0, 9.0, 4.0]), "Lines of y against x. a: from 5 to 4."),
        (
            Curve("a", [0, 1, 2], [math.nan, 1.0, math.inf]),
            "Lines of y against x. a: from 1 to 1.",
        ),
        (Curve("a", [0], [math.nan]), "Lines of y against x. a: no finite value."),
        (
            Curve("a", [0, 1], [9.0, 4.0], style="bound"),
            "Lines of y against x. a: between 4 and 9.",
        ),
        (Curve("a", [0], [4.12345], style="level"), "Lines of y against x. a: 4.123."),
        (
            Curve("a", [0, 1], [9.0, 4.0], style="points"),
            "Points of y against x. a: between 4 and 9.",
        ),
    ],
)
def test_a_curve_is_told_by_what_one_reads_from_it(curve: Curve, words: str) -> None:
    assert alt(Panel("", "x", "y", [curve])) == words
    assert alt(Panel("layer 1", "x", "y", [curve])) == f"layer 1: {words}"


def test_bars_are_told_one_by_one() -> None:
    panel = Panel("", "setting", "fid", [Curve("a", [0, 1], [2.0, 3.0])], ticks=["p", "q"])
    assert alt(panel) == "Bars of fid by setting. a: p 2, q 3."


def test_points_beside_lines_are_lines() -> None:
    curves = [Curve("a", [0], [1.0], style="points"), Curve("b", [0], [1.0])]
    assert alt(Panel("", "x", "y", curves)).startswith("Lines of y against x. a: 1. b:")


def test_of_many_curves_the_rest_is_counted() -> None:
    curves = [Curve(str(k), [0], [1.0]) for k in range(MOST + 3)]
    words = alt(Panel("", "x", "y", curves))
    assert words.count("from 1 to 1") == MOST
    assert words.endswith("And 3 more.")
    assert "more" not in alt(Panel("", "x", "y", curves[:MOST]))


def test_a_panel_without_curves_still_says_what_it_would_show() -> None:
    assert alt(Panel("", "x", "y", [])) == "Lines of y against x."
