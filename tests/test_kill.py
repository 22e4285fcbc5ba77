"""Runs killed from outside, as users and clusters do it, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import last, same


def gan(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gan_lightning.cli", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment
    )


def wait_for_rows(run: Path, n: int, process: subprocess.Popen[bytes]) -> None:
    path = run / "metrics.csv"
    for _ in range(6000):
        if path.exists() and len(path.read_text().splitlines()) > n:
            return
        if process.poll() is not None:
            assert process.stderr is not None
            pytest.fail(process.stderr.read().decode())
        time.sleep(0.01)
    pytest.fail("the run logged nothing")


def finish(process: subprocess.Popen[bytes]) -> int:
    process.communicate(timeout=120)
    return process.returncode


def compare(one: Path, two: Path) -> None:
    for key in ("state_dict", "optimizer_states", "global_step"):
        assert same(last(one)[key], last(two)[key]), key
    assert (one / "metrics.csv").read_text() == (two / "metrics.csv").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("n_dis", ["1", "3"])
def test_sigkill_and_resume_end_bit_identically(
    tiny: Path, tmp_path: Path, n_dis: str, workers: str
) -> None:
    options = ["--model.n_dis", n_dis, "--data.num_workers", workers, "--trainer.max_steps", "40"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(gan("fit", "--config", str(tiny), "--run", str(whole), *options)) == 0
    process = gan("fit", "--config", str(tiny), "--run", str(killed), *options)
    wait_for_rows(killed, 4, process)
    process.send_signal(signal.SIGKILL)
    assert finish(process) == -signal.SIGKILL
    assert last(killed)["global_step"] < 40
    assert finish(gan("fit", "--run", str(killed), "--ckpt_path", "last")) == 0
    compare(whole, killed)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_iteration_and_saves(
    tiny: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    options = ["--trainer.max_steps", "100000", "--checkpoints.every_n_steps", "0"]
    process = gan("fit", "--config", str(tiny), "--run", str(run), *options)
    wait_for_rows(run, 1, process)
    process.send_signal(number)
    assert finish(process) == 128 + number
    stopped_at = last(run)["global_step"]
    assert isinstance(stopped_at, int)
    goal = str(stopped_at + 4)
    assert (
        finish(gan("fit", "--run", str(run), "--ckpt_path", "last", "--trainer.max_steps", goal))
        == 0
    )
    whole = tmp_path / "whole"
    fresh = ["fit", "--config", str(tiny), "--run", str(whole), "--trainer.max_steps", goal]
    assert finish(gan(*fresh)) == 0
    compare(whole, run)
