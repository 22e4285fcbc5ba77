"""Which file a checkpoint's name means, and what is said where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gan_lightning.checkpoints.finding import checkpoint_of, checkpoint_path
from gan_lightning.checkpoints.io import AtomicCheckpointIO
from gan_lightning.errors import UserError
from tests.conftest import Gan


def test_a_damaged_checkpoint_that_was_named_is_refused(gan: Gan, tmp_path: Path) -> None:
    gan("--checkpoints.keep_every_n_steps", "3")
    run = tmp_path / "run"
    path = run / "checkpoints" / "step=00000003.ckpt"
    path.write_text("torn")
    with pytest.raises(UserError, match=r"step=00000003\.ckpt is damaged.*best\.ckpt.*last\.ckpt"):
        checkpoint_path(str(run), str(path))
    for other in (run / "checkpoints").glob("*.ckpt"):
        other.write_text("torn")
    with pytest.raises(UserError, match=r"last\.ckpt is damaged.*: none"):
        checkpoint_path(str(run), "last")


def saved(path: Path, when: int) -> Path:
    """A whole checkpoint, saved at a time of its own."""
    AtomicCheckpointIO().save_checkpoint({"state_dict": {}}, path)
    os.utime(path, ns=(when, when))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with four checkpoints, of which the one of the highest step is not the newest."""
    run = tmp_path / "run"
    for when, name in enumerate(("step=00000004", "step=00000009", "best", "last")):
        saved(run / "checkpoints" / f"{name}.ckpt", when)
    return run


def of(run: Path, name: str) -> str:
    return str(run / "checkpoints" / f"{name}.ckpt")


def test_last_and_best_are_the_runs_own_and_all_else_is_a_file(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = saved(tmp_path / "mine.ckpt", 0)
    monkeypatch.chdir(tmp_path)
    assert checkpoint_path(run, "last") == of(run, "last")
    assert checkpoint_path(run, "best") == of(run, "best")
    assert checkpoint_path(run, str(mine)) == str(mine)
    assert checkpoint_path(run, "mine.ckpt") == "mine.ckpt"


def test_a_tilde_is_the_home_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(run.parent))
    path = saved(run.parent / "mine.ckpt", 0)
    assert checkpoint_path(run, "~/mine.ckpt") == str(path)
    assert checkpoint_of("~/mine.ckpt", None) == str(path)
    assert checkpoint_of("~/run", None) == of(run, "last")
    assert checkpoint_of("best", "~/run") == of(run, "best")


def test_a_command_takes_a_file_or_a_run_by_either_name(run: Path) -> None:
    last = of(run, "last")
    assert checkpoint_of(str(run), None) == last
    assert checkpoint_of(None, str(run)) == last
    assert checkpoint_of("last", str(run)) == last
    assert checkpoint_of("best", str(run)) == of(run, "best")
    assert checkpoint_of(of(run, "step=00000004"), None) == of(run, "step=00000004")
    assert checkpoint_of(of(run, "step=00000004"), str(run)) == of(run, "step=00000004")


@pytest.mark.parametrize("ckpt", [None, "last", "best"])
def test_a_command_that_names_no_run_is_told_what_it_needs(ckpt: str | None) -> None:
    with pytest.raises(UserError) as caught:
        checkpoint_of(ckpt, None)
    said = "ckpt is needed: a checkpoint's file, or the folder of a run; best and last want `run`"
    assert str(caught.value) == f"{said} DIR beside them"


def test_a_run_that_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        checkpoint_of("best", str(tmp_path / "none"))
    assert str(caught.value) == f"run {tmp_path / 'none'} is no folder; give that of a run"


def test_where_the_last_is_damaged_the_newest_that_is_whole_takes_its_place(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Newest by when it was saved, not by its name; damaged ones among them are passed over."""
    caplog.set_level("INFO")
    Path(of(run, "last")).write_text("torn")
    assert checkpoint_path(run, "last") == of(run, "best")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{of(run, 'last')} is damaged or no checkpoint; going on from {of(run, 'best')} instead, "
        "the newest that is whole"
    )
    Path(of(run, "best")).write_text("torn")
    assert checkpoint_path(run, "last") == of(run, "step=00000009")
    os.utime(of(run, "step=00000004"), ns=(99, 99))
    assert checkpoint_path(run, "last") == of(run, "step=00000004")


def test_where_the_last_is_gone_another_takes_its_place_too(run: Path) -> None:
    Path(of(run, "last")).unlink()
    assert checkpoint_of(None, str(run)) == of(run, "best")


def test_nothing_takes_the_place_of_the_best(run: Path) -> None:
    Path(of(run, "best")).unlink()
    with pytest.raises(UserError) as caught:
        checkpoint_path(run, "best")
    assert str(caught.value) == (
        f"ckpt_path best: there is no file {of(run, 'best')}. Checkpoints of `run` {run}: "
        "last.ckpt, step=00000004.ckpt, step=00000009.ckpt"
    )


def test_only_checkpoints_that_are_whole_are_offered(run: Path) -> None:
    """Not what a killed process left of one, whole or not."""
    Path(of(run, "best")).write_text("torn")
    saved(run / "checkpoints" / "last.ckpt.draft-77", 99)
    with pytest.raises(UserError) as caught:
        checkpoint_path(run, "nowhere.ckpt")
    assert str(caught.value) == (
        f"ckpt_path nowhere.ckpt: there is no file nowhere.ckpt. Checkpoints of `run` {run}: "
        "last.ckpt, step=00000004.ckpt, step=00000009.ckpt"
    )


def test_a_damaged_file_that_was_named_is_refused_and_whole_ones_are_offered(run: Path) -> None:
    Path(of(run, "best")).write_text("torn")
    for name in ("best", of(run, "best")):
        with pytest.raises(UserError) as caught:
            checkpoint_path(run, name)
        assert str(caught.value) == (
            f"ckpt_path {name}: {of(run, 'best')} is damaged or no checkpoint. Checkpoints of "
            f"`run` {run}: last.ckpt, step=00000004.ckpt, step=00000009.ckpt"
        )


def test_without_a_run_the_working_folder_is_looked_at(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it were one, to offer what lies there."""
    monkeypatch.chdir(run)
    offered = "best.ckpt, last.ckpt, step=00000004.ckpt, step=00000009.ckpt"
    with pytest.raises(UserError) as caught:
        checkpoint_of("nowhere.ckpt", None)
    assert str(caught.value).endswith(f". Checkpoints of `run` .: {offered}")


def test_a_run_without_checkpoints_says_so(tmp_path: Path) -> None:
    for name in ("last", "best", "x.ckpt"):
        with pytest.raises(UserError, match=r"^ckpt .* Checkpoints of `run` .*: none$"):
            checkpoint_of(name, str(tmp_path))


def test_whole_checkpoints_are_taken_without_a_word(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    checkpoint_path(run, "last")
    assert not caplog.records
