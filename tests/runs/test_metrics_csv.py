"""metrics.csv, through deaths and resurrections."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.runs.metrics_csv import MetricsCSV


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


def test_a_row_that_is_no_text_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes(b"step,a\n2,0.2\n\xff\x00\n")
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 0.5}, step=6)
    assert logger.path.read_text().splitlines() == ["step,a", "2,0.2", "6,0.5"]


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_row_torn_in_its_numbers_is_dropped(tmp_path: Path, cut: int) -> None:
    """A row that ends too early may look like one of another step, or of another number."""
    logger = MetricsCSV(tmp_path)
    for step in (2, 4, 60):
        logger.log_metrics({"a": step / 7}, step=step)
    whole = logger.path.read_bytes()
    logger.path.write_bytes(whole[:-cut])
    again = MetricsCSV(tmp_path)
    again.go_on_from(100)
    assert again.path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:3])


def test_going_on_drops_later_rows_and_the_columns_that_only_they_had(tmp_path: Path) -> None:
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 0.2}, step=2)
    before = logger.path.read_bytes()
    logger.log_metrics({"a": 0.4, "fid": 3.0}, step=4)
    again = MetricsCSV(tmp_path)
    again.go_on_from(2)
    assert again.path.read_bytes() == before


def test_rows_cost_the_same_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read and written anew for a new column only, not for a row or its completion."""
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 0.1}, step=1)
    logger.log_metrics({"fid": 0.1}, step=1)
    monkeypatch.setattr(MetricsCSV, "_read", lambda self: pytest.fail("read all rows"))
    monkeypatch.setattr(MetricsCSV, "_write", lambda self, rows: pytest.fail("wrote all rows"))
    for step in range(2, 3000):
        logger.log_metrics({"a": 0.1}, step=step)
        logger.log_metrics({"fid": 0.1}, step=step)
    lines = logger.path.read_text().splitlines()
    assert lines[0] == "step,a,fid"
    assert lines[1:] == [f"{step},0.1,0.1" for step in range(1, 3000)]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"a": 0.1}, step=1)
    size = logger.path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*metrics\.csv: File too large"):
            logger.log_metrics({"a": 0.2}, step=2)
        with pytest.raises(UserError, match=r"cannot write .*metrics\.csv: File too large"):
            logger.log_metrics({"a long new column": 0.2}, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert logger.path.read_text() == "step,a\n1,0.1\n"
