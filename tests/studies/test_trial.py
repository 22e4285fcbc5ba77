"""What becomes of a run's process: results, mistakes, crashes, and runs that are complete."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from gan_lightning.run_folder import CONFIG, LAST, METRICS, checkpoint_folder
from gan_lightning.studies import trial
from gan_lightning.studies.folders import checkpoint_step, history, is_complete, is_free, is_trained
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


def test_a_checkpoint_of_torch_says_its_step(tmp_path: Path) -> None:
    """Read without torch, tensors, moments and all."""
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    content = {"state_dict": layer.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**content, "global_step": 123, "half": torch.ones(2).bfloat16()}, tmp_path / "c")
    assert checkpoint_step(tmp_path / "c") == 123
    (tmp_path / "d").write_bytes((tmp_path / "c").read_bytes()[:-50])
    assert checkpoint_step(tmp_path / "d") == -1
    assert checkpoint_step(tmp_path / "absent") == -1


@pytest.mark.parametrize(
    ("made", "wanted", "complete"), [(5, 5, True), (4, 5, False), (5, -1, False)]
)
def test_a_run_is_complete_that_made_what_its_config_asks_for(
    tmp_path: Path, made: int, wanted: int, complete: bool
) -> None:
    assert not is_complete(tmp_path)
    (tmp_path / CONFIG).write_text(f"trainer:\n  max_steps: {wanted}\n")
    checkpoint_folder(tmp_path).mkdir()
    torch.save({"global_step": made}, checkpoint_folder(tmp_path) / LAST)
    assert is_complete(tmp_path) == complete


def test_histories_leave_out_what_is_no_number(tmp_path: Path) -> None:
    assert history(tmp_path, None) == ("", {})
    text = "step,loss,fid,ema_fid\n1,2.0,,\n2,1.0,9.5,8.5\n3,,nan,inf\n4,,7.0,6.5\n5,,6"
    (tmp_path / METRICS).write_text(text)
    assert history(tmp_path, None) == ("ema_fid", {2: 8.5, 4: 6.5})
    assert history(tmp_path, "loss") == ("loss", {1: 2.0, 2: 1.0})
    assert history(tmp_path, "absent") == ("", {})
