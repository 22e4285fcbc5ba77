"""What a comparison says in tables: what stands in columns, in notes, and in a file's digits."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.score_tables import MOST, as_csv, as_text, tables_of
from gan_lightning.report.tables import Table, in_latex, in_markdown
from tests.report.made import inception, made, of_cifar10
from tests.report.views import comparison


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def lines(found: Comparison) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(found))))


def seeds(folder: Path, norm: str, *fids: float, **options: Any) -> None:
    for seed, fid in enumerate(fids):
        made(folder / f"{norm}-{seed}-{options}", seed, norm, [fid], **options)


# ---------------------------------------------------------------------------------------- columns


def test_a_title_says_what_was_measured_and_when(tmp_path: Path) -> None:
    made(tmp_path / "a", fids={50: 1.0, 100: 2.0})
    by = "by extractor digits, protocol monitor (5000 generated against 1000 real images)"
    for at, when in {"end": "after the last iteration", "50": "after iteration 50"}.items():
        (table,) = tables_of(comparison(tmp_path, at=at))
        assert table.title == f"Scores {when}, {by}"


def test_a_table_shows_what_tells_its_lines_apart(tmp_path: Path) -> None:
    """Where little differs, also what only repeats that; what is alike never."""
    seeds(tmp_path, "sn", 3.0, n_dis=1)
    seeds(tmp_path, "bsn", 2.0, n_dis=5)
    (table,) = tables_of(comparison(tmp_path))
    assert (table.head, table.words) == (["norm", "n_dis", "runs", "digits_fid"], 2)
    assert texts(table) == [["bsn", "5", "1", "2.000"], ["sn", "1", "1", "3.000"]]


def test_a_table_shows_all_that_was_asked_for(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", 3.0)
    (table,) = tables_of(comparison(tmp_path, by="data,model.norm"))
    assert table.head == ["data", "norm", "runs", "digits_fid"]
    assert texts(table) == [["digits", "sn", "1", "3.000"]]
    seeds(tmp_path, "bsn", 2.0)
    (table,) = tables_of(comparison(tmp_path, by="data,model.norm"))
    assert texts(table)[0] == ["digits", "bsn", "1", "2.000"]


def test_options_that_only_repeat_others_go_to_the_notes_where_there_are_many(
    tmp_path: Path,
) -> None:
    repeated = {f"option_{k}": 1 for k in range(MOST)}
    seeds(tmp_path, "sn", 3.0)
    seeds(tmp_path, "bsn", 2.0, **repeated)
    (table,) = tables_of(comparison(tmp_path))
    assert table.head == ["norm", "runs", "digits_fid"]
    named = ", ".join(f"model.{name}" for name in repeated)
    assert f"they differ along with that in {named}" in table.notes


def test_a_spread_has_no_column_and_is_in_the_file(tmp_path: Path) -> None:
    scores = made(tmp_path / "a") / "scores.jsonl"
    scores.write_text(scores.read_text().replace('"fid_real"', '"digits_kid_std": 0.5, "fid_real"'))
    found = comparison(tmp_path)
    assert tables_of(found)[0].head == ["runs", "digits_fid"]
    assert [line["score"] for line in lines(found)] == ["digits_fid", "digits_kid_std"]


def test_what_a_line_lacks_is_a_dash(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", 3.0)
    made(tmp_path / "b", 0, {"name": "ssn", "scale": 2.0}, [2.0])
    scores = tmp_path / "b" / "scores.jsonl"
    scores.write_text(scores.read_text().replace("digits_fid", "digits_kid"))
    (table,) = tables_of(comparison(tmp_path))
    assert texts(table) == [["sn", "-", "1", "3.000", "-"], ["ssn", "2", "1", "-", "2.000"]]


def test_each_source_of_published_numbers_has_a_footnote(tmp_path: Path) -> None:
    of_cifar10(made(tmp_path / "a", 0, "sn", measure=inception("paper")))
    of_cifar10(made(tmp_path / "b", 0, "unit", measure=inception("paper")))
    found = comparison(tmp_path)
    (table,) = tables_of(found)
    assert table.head[-2:] == ["fid", "fid published"]
    assert [row[-1] for row in texts(table)] == ["31.43 ± 0.90 [1]; 31.43 [2]", "-"]
    assert [note[:16] for note in table.notes[-2:]] == ["[1] BSSN Table 1", "[2] BSSN Table 6"]
    assert lines(found)[0]["published"].startswith("31.43 ± 0.90 (BSSN Table 1: mean")


# ------------------------------------------------------------------------------------------ notes


@pytest.mark.parametrize(
    ("fids", "notes"),
    [
        ([1.0], []),
        (
            [1.0, 2.0],
            [
                "mean ± standard error over runs that differ in their seed",
                "these runs differ in nothing but their seeds",
            ],
        ),
        (
            [1.0, 2.0, 4.0],
            [
                "mean ± standard error over runs that differ in their seed",
                "[low, high]: 95 % bootstrap intervals of the mean, BCa (of few runs, they are too "
                "narrow)",
                "these runs differ in nothing but their seeds",
            ],
        ),
    ],
)
def test_notes_say_what_the_numbers_are(
    tmp_path: Path, fids: list[float], notes: list[str]
) -> None:
    seeds(tmp_path, "sn", *fids)
    (table,) = tables_of(comparison(tmp_path))
    assert table.notes == notes


def test_intervals_of_many_runs_are_not_called_narrow(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", *map(float, range(8)))
    (table,) = tables_of(comparison(tmp_path))
    assert "[low, high]: 95 % bootstrap intervals of the mean, BCa" in table.notes


def test_unfinished_runs_of_a_mean_are_named_and_more_than_three_are_counted(
    tmp_path: Path,
) -> None:
    for seed in range(5):
        made(tmp_path / str(seed), seed, step=60)
    (table,) = tables_of(comparison(tmp_path, at="last"))
    first = "; ".join(f"{tmp_path / str(k)} (unfinished: 60 of 100 iterations)" for k in range(3))
    assert table.notes[-1] == f"5 of the runs are not finished: {first} and more"


# ------------------------------------------------------------------------ differences, and the rest


def test_differences_follow_the_scores_of_the_same_measure(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", 3.0, 5.0)
    seeds(tmp_path, "bsn", 2.0, 3.0)
    found = comparison(tmp_path, against="sn")
    scores, table = tables_of(found)
    assert table.title == "Difference to model.norm=sn, at the seeds that both have"
    assert table.head == ["norm", "common seeds", "digits_fid"]
    assert texts(table) == [["bsn", "2", "-1.50 ± 0.50"]]
    assert table.notes[1:] == ["below zero is better: digits_fid"]
    assert len(scores.rows) == 2
    assert texts(tables_of(comparison(tmp_path, against="bsn"))[1]) == [["sn", "2", "+1.50 ± 0.50"]]
    (line,) = [line for line in lines(found) if line["kind"].startswith("difference")]
    assert (line["kind"], line["model.norm"]) == ("difference to model.norm=sn", "bsn")
    assert (line["mean"], line["runs"]) == ("-1.5", "2")


def test_without_common_options_there_is_no_table_of_differences(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", 3.0, n_dis=1)
    seeds(tmp_path, "bsn", 2.0, n_dis=5)
    assert len(tables_of(comparison(tmp_path, against="sn"))) == 1


def test_so_many_of_the_runs_left_out_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", 3.0)
    for k in range(12):
        made(tmp_path / f"{k}", k + 5, fids={}, step=30)
    found = comparison(tmp_path)
    *_, whole = tables_of(found)
    *_, short = tables_of(found, shown=2)
    why = "unfinished: 30 of 100 iterations"
    assert texts(whole) == [[str(tmp_path / str(k)), why] for k in range(12)]  # 9 before 10
    assert texts(short) == texts(whole)[:2]
    assert (whole.notes, short.notes) == (
        [],
        ["and 10 more; a table in a file names them all"],
    )
    assert whole.title == short.title == "Not in any mean: 12 runs"


def test_without_runs_there_are_no_tables() -> None:
    nothing = Comparison.of([], None, At("end"))
    assert tables_of(nothing) == []
    assert lines(nothing) == []


# ------------------------------------------------------------------------------------------- files


def test_a_file_has_all_digits_of_every_score_and_every_run_left_out(tmp_path: Path) -> None:
    fids = [1 / 3, 2 / 3, 5 / 3]
    seeds(tmp_path, "sn", *fids)
    made(tmp_path / "z", 9, fids={}, step=30)
    (score, out) = lines(comparison(tmp_path))
    assert (score["kind"], score["score"], score["runs"]) == ("score", "digits_fid", "3")
    assert float(score["mean"]) == pytest.approx(sum(fids) / 3, rel=1e-15)
    assert float(score["low"]) < float(score["mean"]) < float(score["high"])
    assert (score["protocol"], score["fid_real"], score["best"]) == ("monitor", "1000", "False")
    assert (out["kind"], out["run"]) == ("left out", str(tmp_path / "z"))
    assert out["why"] == "unfinished: 30 of 100 iterations"
    assert out["mean"] == out["score"] == ""


def test_a_file_is_of_the_kind_that_its_name_says(tmp_path: Path) -> None:
    seeds(tmp_path, "sn", 3.0)
    found = comparison(tmp_path)
    assert as_text(found, ".csv") == as_csv(found)
    assert as_text(found, ".md") == in_markdown(tables_of(found))
    assert as_text(found, ".tex") == in_latex(tables_of(found))
