"""Scores over seeds, grouped by what differs between runs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gan_lightning.report.comparison import Comparison, Line, best_value, option_labels
from gan_lightning.report.evaluations import At
from gan_lightning.report.groups import Group
from gan_lightning.report.score_tables import tables_of
from gan_lightning.report.statistics import Summary
from tests.report.made import inception, made, of_cifar10
from tests.report.views import comparison, means


def test_means_by_hand_over_seeds(tmp_path: Path) -> None:
    for seed, (sn, bssn) in enumerate([(30.0, 20.0), (34.0, 26.0), (38.0, 23.0)]):
        made(tmp_path / f"sn-{seed}", seed, "sn", [sn])
        made(tmp_path / f"bssn-{seed}", seed, {"name": "bssn", "scale": 1.4}, [bssn])
    assert means(tmp_path) == {("bssn", "1.4"): 23.0, ("sn", "None"): 34.0}
    found = comparison(tmp_path, against="sn")
    (table, difference) = tables_of(found)
    assert [[cell.text for cell in row][:3] for row in table.rows] == [
        ["bssn", "1.4", "3"],
        ["sn", "-", "3"],
    ]
    assert [cell.best for row in table.rows for cell in row] == [False] * 3 + [True] + [False] * 4
    # differences -10, -8, -15: mean -11, deviations 1, 3, -4: variance 13
    assert difference.rows[0][3].text.startswith(f"-11.0 ± {math.sqrt(13 / 3):.1f} [")


def test_by_pools_what_it_leaves_out_and_says_so(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 0, fids=[3.0], n_dis=5)
    assert means(tmp_path, by="model.norm") == {("sn",): 2.0}
    (table,) = tables_of(comparison(tmp_path, "model.norm"))
    assert "runs of one line differ in model.n_dis, by which they are not grouped" in table.notes


def test_without_runs_there_is_nothing_to_say() -> None:
    found = Comparison.of([], None, At("end"))
    assert (found.sections, found.lines, found.by, found.left_out()) == ([], {}, [], [])


def test_options_that_were_asked_for_are_told_from_all_that_differ(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, "sn")
    made(tmp_path / "b", 0, "bsn", n_dis=5)
    asked, all_of_them = comparison(tmp_path, "model.n_dis"), comparison(tmp_path)
    assert (asked.by, asked.asked) == (["model.n_dis"], True)
    assert (all_of_them.by, all_of_them.asked) == (["model.norm", "model.n_dis"], False)


def test_a_lines_options_are_those_of_its_runs(tmp_path: Path) -> None:
    """With those that all runs share, and without those of other methods."""
    made(tmp_path / "a", 0, {"name": "bssn", "scale": 1.4})
    made(tmp_path / "b", 0, "sn", n_dis=5)
    found = comparison(tmp_path)
    first, second = (found.options_of(group) for group in found.sections[0].groups)
    assert (first["model.norm"], first["model.norm.scale"]) == ("bssn", "1.4")
    assert first["model.n_dis"] == "1"
    assert (second["model.norm"], second["model.n_dis"]) == ("sn", "5")
    assert "model.norm.scale" not in second
    assert first["data"] == second["data"] == "digits"


def test_every_run_is_in_a_mean_or_said_to_be_in_none(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[math.inf])
    made(tmp_path / "c", 2, fids={}, step=30)
    made(tmp_path / "d", 3, fids=[2.0])
    found = comparison(tmp_path)
    members = [m.path for s in found.sections for g in s.groups for m in g.members]
    assert members == [str(tmp_path / "a"), str(tmp_path / "d")]
    assert [path for path, _ in found.left_out()] == [str(tmp_path / "c"), str(tmp_path / "b")]


def test_a_line_has_the_scores_that_its_runs_have(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, "sn", [3.0])
    folder = made(tmp_path / "b", 0, "bsn", [2.0])
    scores = folder / "scores.jsonl"
    scores.write_text(scores.read_text().replace('"digits_fid": 2.0', '"digits_kid": 0.5'))
    found = comparison(tmp_path)
    (lines,) = found.lines.values()
    told = {str(line.group.key[0]): {k: v.mean for k, v in line.found.items()} for line in lines}
    assert told == {"sn": {"digits_fid": 3.0}, "bsn": {"digits_kid": 0.5}}


def test_published_numbers_come_with_the_lines_they_belong_to(tmp_path: Path) -> None:
    of_cifar10(made(tmp_path / "a", 0, "sn", measure=inception("paper")))
    of_cifar10(made(tmp_path / "b", 0, "unit", measure=inception("paper")))
    (lines,) = comparison(tmp_path).lines.values()
    told = {str(line.group.key[0]): [*line.published] for line in lines}
    assert told == {"sn": ["fid"], "unit": []}


@pytest.mark.parametrize(
    ("score", "values", "best"),
    [
        ("digits_fid", [3.0, 2.0, 5.0], 2.0),
        ("digits_is_mean", [3.0, 2.0, 5.0], 5.0),
        ("ms_ssim", [3.0, 2.0, 5.0], None),
        ("digits_fid", [3.0], None),
        ("absent", [3.0, 2.0], None),
    ],
)
def test_the_best_is_the_lowest_or_the_highest_of_several(
    score: str, values: list[float], best: float | None
) -> None:
    """Where there is nothing to choose between, or no direction, none is."""
    lines = [Line(Group(()), {score: Summary(1, value)}, {}) for value in values]
    assert best_value([*lines, Line(Group(()), {}, {})], score) == best


def test_short_names_still_tell_options_apart() -> None:
    options = ["model.a.lr", "data.a.lr", "model.b", "alone"]
    assert option_labels(options) == ["model.a.lr", "data.a.lr", "b", "alone"]
