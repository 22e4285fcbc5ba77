"""One process trains in a folder at a time."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.run_folder import OWNER
from gan_lightning.runs.lock import run_locked


def test_a_second_run_is_refused_with_process_and_host_of_the_first(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = f"is being trained by process {os.getpid()} on {socket.gethostname()}"
    with run_locked(run):
        with pytest.raises(UserError, match=words), run_locked(run):
            pass
        with (
            pytest.raises(UserError, match=words),
            run_locked(run),
        ):  # the first refusal freed nothing
            pass
    with run_locked(run):
        pass
    assert not (run / OWNER).exists()


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        with run_locked(tmp_path):
            time.sleep(60)
            os._exit(0)
    while not (tmp_path / OWNER).exists():
        time.sleep(0.01)
    with pytest.raises(UserError, match=f"process {pid} on"), run_locked(tmp_path):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with run_locked(tmp_path):
        pass


def test_a_child_of_the_training_process_does_not_keep_its_lock(tmp_path: Path) -> None:
    """As the workers of a killed run, which live on for seconds, would."""
    with run_locked(tmp_path):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
    with run_locked(tmp_path):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((UserError, NotADirectoryError)), run_locked(tmp_path / "file" / "run"):
        pass
