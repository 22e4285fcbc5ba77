"""metrics.csv, through deaths and resurrections."""

from __future__ import annotations

from pathlib import Path

from gan_lightning.logger import MetricsCSV


def test_rows_are_there_at_once_and_columns_may_come_later(tmp_path: Path) -> None:
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 0.1}, step=2)
    assert logger.path.read_text().splitlines() == ["step,a", "2,0.1"]
    logger.log_metrics({"a": 0.2}, step=4)
    logger.log_metrics({"fid": 7.5}, step=4)
    assert logger.path.read_text().splitlines() == ["step,a,fid", "2,0.1,", "4,0.2,7.5"]


def test_a_resumed_run_replaces_what_it_does_again(tmp_path: Path) -> None:
    first = MetricsCSV(tmp_path)
    for step in (2, 4, 6, 8):
        first.log_metrics({"a": step / 10}, step=step)
    resumed = MetricsCSV(tmp_path)
    resumed.log_metrics({"a": 0.6}, step=6)
    lines = ["step,a", "2,0.2", "4,0.4", "6,0.6"]
    assert resumed.path.read_text().splitlines() == lines
    resumed.log_metrics({"a": 0.8}, step=8)
    assert resumed.path.read_text().splitlines() == [*lines, "8,0.8"]


def test_a_row_cut_by_a_kill_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,a\n2,0.2\n4,0.4\n\n")
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 0.5}, step=6)
    assert logger.path.read_text().splitlines() == ["step,a", "2,0.2", "4,0.4", "6,0.5"]
