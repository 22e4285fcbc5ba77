"""A stand-in for ``gan fit`` that takes no time: ``python -m tests.studies.fake_run HOW FOLDER``.

It leaves what a run leaves, and adds a line to ``starts`` beside its folder.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import zipfile
from pathlib import Path

from gan_lightning.run_folder import CONFIG, LAST, METRICS, checkpoint_folder

STEPS = 4


def checkpoint(run: Path, step: int) -> None:
    """Writes what torch would have saved after ``step`` updates."""
    checkpoint_folder(run).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(checkpoint_folder(run) / LAST, "w") as archive:
        archive.writestr("last/data.pkl", pickle.dumps({"global_step": step}))


def train(how: str, run: Path) -> int:
    """Does as a run does, and returns its exit code."""
    with (run.parent / "starts").open("a") as file:
        file.write(f"{run.name}\n")
    if how == "refused":
        print("gan: error: --model.norm.scale must be > 0, got -1")
        return 2
    if how == "diverged":
        print("gan: error: the training diverged: iteration 2")
        return 3
    (run / CONFIG).write_text(f"trainer: {{max_steps: {STEPS}}}\n")
    first_time = not (checkpoint_folder(run) / LAST).exists()
    checkpoint(run, 2)
    (run / METRICS).write_text("step,a_fid\n2,9.0\n")
    if how == "killed" or (how == "killed once" and first_time):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(os.environ.get("FAKE_SECONDS", 60)) if how == "slow" else 0)
    (run / METRICS).write_text("step,a_fid\n2,9.0\n4,7.0\n")
    checkpoint(run, STEPS)
    return 0


if __name__ == "__main__":
    sys.exit(train(sys.argv[1], Path(sys.argv[2])))
