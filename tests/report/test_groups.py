"""What may be averaged, as laws: same options, same measure, each seed once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.report.score_tables import tables_of
from tests.report.made import made
from tests.report.views import comparison, means


@pytest.mark.parametrize("option", [{"n_dis": 5}, {"new_option": "x"}, {"penalties": ["r1"]}])
def test_a_differing_option_splits(tmp_path: Path, option: dict[str, Any]) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[3.0], **option)
    assert sorted(means(tmp_path).values()) == [1.0, 3.0]


@pytest.mark.parametrize(
    "otherwise",
    [
        {"protocol": "paper"},
        {"extractor_fingerprint": "other"},
        {"real": "digits test"},
        {"fid_real": 500},
        {"fid_generated": 100},
        {"kid_count": 1000},
    ],
)
def test_a_differently_measured_run_never_changes_a_mean(
    tmp_path: Path, otherwise: dict[str, object]
) -> None:
    for seed in range(2):
        made(tmp_path / f"a-{seed}", seed, fids=[1.0 + 2 * seed])
    made(tmp_path / "b", 7, fids=[1000.0], measure=otherwise)
    first, second = tables_of(comparison(tmp_path))
    assert first.rows[0][-1].text == "2.0 ± 1.0"
    (name,) = otherwise
    assert f"Measured otherwise: {name} {otherwise[name]} (not " in second.title
    assert second.rows[0][-1].text == "1000.0"


@pytest.mark.parametrize("at", ["end", "best"])
def test_an_unfinished_run_never_changes_a_mean(tmp_path: Path, at: str) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[1000.0], step=60)
    assert means(tmp_path, at=at) == {(): 1.0}
    (_, rest) = tables_of(comparison(tmp_path, at=at))
    assert [[cell.text for cell in row] for row in rest.rows] == [
        [str(tmp_path / "b"), "unfinished: 60 of 100 iterations"]
    ]


def test_an_unfinished_run_counts_where_that_was_asked_for_and_is_said(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[3.0], step=60)
    assert means(tmp_path, at="last") == {(): 2.0}
    (table,) = tables_of(comparison(tmp_path, at="last"))
    assert any("1 of the runs are not finished" in note for note in table.notes)


def test_a_repeated_run_counts_once(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "again", 0, fids=[5.0])
    made(tmp_path / "b", 1, fids=[3.0])
    assert means(tmp_path) == {(): 2.0}
    table, rest = tables_of(comparison(tmp_path))
    assert table.rows[0][0].text == "2 of 3"
    assert rest.rows[0][1].text == f"repeats {tmp_path / 'a'}: same options, same seed"


def test_a_score_that_is_not_finite_is_no_part_of_a_mean(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids=[math.nan])
    assert means(tmp_path) == {(): 1.0}
    assert "not finite" in tables_of(comparison(tmp_path))[1].rows[0][1].text


def test_a_finished_run_without_an_evaluation_at_its_end_is_said(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 1, fids={50: 3.0})
    made(tmp_path / "c", 2, fids={})
    rest = tables_of(comparison(tmp_path))[1]
    assert [row[1].text for row in rest.rows] == [
        "finished; no evaluation after the last iteration",
        "finished; never evaluated",
    ]
