"""Which folders are runs, and by what arguments they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.finding import find_runs
from tests.report.made import made


def test_foreign_folders_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("theme: dark\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "metrics.csv").write_text("name,value\nx,1\n")
    with pytest.raises(UserError, match="no run of gan fit is in it or below it"):
        list(find_runs([str(tmp_path)]))
    run = made(tmp_path / "c" / "deep" / "run")
    assert [found.path for found in find_runs([str(tmp_path)])] == [run]


def test_runs_are_found_once_by_folder_study_and_pattern(tmp_path: Path) -> None:
    runs = [made(tmp_path / "study" / name) for name in ("a", "b")]
    for arguments in (["study"], ["study/a", "study/b"], ["study/*"], ["study", "study/a"]):
        found = [run.path for run in find_runs([str(tmp_path / name) for name in arguments])]
        assert found == runs, arguments


@pytest.mark.parametrize("name", ["nowhere", "no*", "file"])
def test_arguments_that_name_no_run_are_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"there is no such folder|is a file"):
        list(find_runs([str(tmp_path / name)]))
