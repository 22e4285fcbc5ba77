"""What becomes of a run's process: results, mistakes, crashes, and runs that are complete."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock

from gan_lightning.studies import trial
from gan_lightning.studies.folders import is_free, is_trained
from gan_lightning.studies.trial import Outcome, Task, make
from tests.studies import fake, fake_run


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "started", fake.started)
    monkeypatch.setattr(trial, "LOOK_EVERY", 0.05)


def task(folder: Path, how: str) -> Task:
    return Task([f"--how={how}"], folder / "run", os.environ, None, "minimize")


def never(step: int, value: float) -> bool:
    return False


def starts(folder: Path) -> int:
    path = folder / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


OUTCOMES = {
    "well": (Outcome("finished", "", "a_fid", 7.0), 1),
    "diverged": (Outcome("diverged", "the training diverged: iteration 2"), 1),
    "refused": (Outcome("refused", "--model.norm.scale must be > 0, got -1"), 1),
    "killed": (Outcome("crashed", "killed by signal 9, 2 times; "), 2),
    "killed once": (Outcome("finished", "", "a_fid", 7.0), 2),
}


@pytest.mark.parametrize("how", OUTCOMES)
def test_crashes_are_tried_once_more_and_nothing_else_is(how: str, tmp_path: Path) -> None:
    expected, times = OUTCOMES[how]
    assert make(task(tmp_path, how), never) == expected
    assert starts(tmp_path) == times
    assert expected.failed == (how in ("refused", "killed"))


def test_a_complete_run_is_not_made_again(tmp_path: Path) -> None:
    first = make(task(tmp_path, "well"), never)
    assert make(task(tmp_path, "well"), never) == first
    assert starts(tmp_path) == 1
    fake_run.checkpoint(tmp_path / "run", fake_run.STEPS - 1)
    make(task(tmp_path, "well"), never)
    assert starts(tmp_path) == 2


def test_a_hopeless_run_is_asked_to_stop(tmp_path: Path) -> None:
    seen = []

    def watch(step: int, value: float) -> bool:
        seen.append((step, value))
        return True

    begun = time.monotonic()
    assert make(task(tmp_path, "slow"), watch) == Outcome("stopped", "", "a_fid", 9.0)
    assert seen == [(2, 9.0)]
    assert time.monotonic() - begun < 30


def test_a_folder_where_another_process_trains_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    lock = FileLock(tmp_path / "run" / ".lock")
    lock.acquire()
    assert is_trained(tmp_path / "run")
    monkeypatch.setattr("gan_lightning.studies.trial.time.sleep", lambda seconds: lock.release())
    trial.wait_for_folder(tmp_path / "run")
    assert is_free(tmp_path / "run" / ".lock")
