"""Which folders are runs, and by what arguments they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.finding import DEEP, find_runs
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


def found(*arguments: Path) -> list[Path]:
    return [run.path for run in find_runs([str(argument) for argument in arguments])]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", ""),
        ("config.yaml", "seed_everything: 1\n"),
        ("metrics.csv", "step,loss\n"),
        ("scores.jsonl", ""),
        ("history.jsonl", ""),
        (".owner.json", ""),
    ],
)
def test_one_file_of_a_run_is_enough(tmp_path: Path, name: str, text: str) -> None:
    """What a kill, a full disk or a careless hand has left is said, not passed over."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_text(text)
    assert found(tmp_path) == [tmp_path / "a"]


@pytest.mark.parametrize("name", ["scores.jsonl", "history.jsonl", ".owner.json"])
def test_a_config_that_says_nothing_is_a_runs_beside_its_other_files(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "config.yaml").write_text("theme: dark\n")
    with pytest.raises(UserError, match="no run of gan fit is in it or below it"):
        found(tmp_path)
    (tmp_path / name).touch()
    assert found(tmp_path) == [tmp_path]


def test_a_file_is_no_folder_and_said_to_be_none(tmp_path: Path) -> None:
    path = made(tmp_path / "a") / "metrics.csv"
    with pytest.raises(UserError) as caught:
        found(path)
    said = f"{path} is a file; give the folder of a run, or one that holds runs"
    assert str(caught.value) == said


def test_a_runs_own_folders_and_hidden_ones_are_not_looked_into(tmp_path: Path) -> None:
    run = made(tmp_path / "study" / "a")
    made(run / "checkpoints" / "of-another")
    made(tmp_path / "study" / ".trash" / "b")
    assert found(tmp_path / "study") == [run]
    assert found(tmp_path / "study" / ".trash") == [tmp_path / "study" / ".trash" / "b"]


def test_folders_are_looked_into_so_deep_and_no_deeper(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x"] * DEEP)
    made(deep / "a")
    assert found(tmp_path / "x") == [deep / "a"]
    with pytest.raises(UserError, match="no run of gan fit is in it or below it"):
        found(tmp_path)


def test_runs_come_in_the_order_of_the_arguments_and_then_of_their_names(tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        made(tmp_path / name)
    (tmp_path / "a-file").touch()
    by_pattern = [tmp_path / name for name in ("a", "b", "c")]
    assert found(tmp_path) == found(tmp_path / "[abc]*") == by_pattern
    assert found(tmp_path / "c", tmp_path / "a") == [tmp_path / "c", tmp_path / "a"]


def test_a_run_that_is_reached_by_two_ways_counts_once(tmp_path: Path) -> None:
    run = made(tmp_path / "runs" / "a")
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    assert found(tmp_path / "runs", tmp_path / "link") == [run]
    assert found(tmp_path / "link") == [tmp_path / "link" / "a"]


def test_a_home_folder_may_be_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run = made(tmp_path / "runs" / "a")
    assert [one.path for one in find_runs(["~/runs"])] == [run]


def test_every_argument_has_to_name_a_run(tmp_path: Path) -> None:
    """A study that is spelled wrong is not silently left out of the table."""
    made(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        found(tmp_path / "a", tmp_path / "empty")
    assert str(caught.value).startswith(f"{tmp_path / 'empty'}: no run of gan fit is in it")
    assert "config.yaml, metrics.csv and scores.jsonl" in str(caught.value)


def test_logs_of_another_program_are_told_from_those_of_a_run(tmp_path: Path) -> None:
    """By their first column; beside a config they are taken for what they are called."""
    names = {"other": "name,step\n", "ours": "step,loss\n", "both": "name,step\n"}
    for name, text in names.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(text)
    (tmp_path / "both" / "config.yaml").write_text("")
    assert found(tmp_path) == [tmp_path / "both", tmp_path / "ours"]
