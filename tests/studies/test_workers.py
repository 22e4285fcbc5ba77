"""Studies with several workers: no run is made twice, none is lost, whatever is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.studies import workers
from gan_lightning.studies.folders import checkpoint_step, is_complete
from gan_lightning.studies.sweep_file import read_sweep
from gan_lightning.studies.workers import Workers
from tests.conftest import ROOT, TINY
from tests.studies import fake
from tests.studies.processes import running, until

pytestmark = pytest.mark.runs


def test_a_folder_of_other_runs_is_refused(tmp_path: Path) -> None:
    sweep = read_sweep(ROOT / "sweeps" / "digits.yaml")

    def make(*extra: str) -> Workers:
        return Workers(sweep, extra, tmp_path, None, 1, 1, False, [])

    make()._claim_folder()
    make()._claim_folder()
    with pytest.raises(UserError, match="choose another folder"):
        make("--trainer.max_steps=3")._claim_folder()


# ------------------------------------------------------------------------------------- end to end


def command(tmp_path: Path) -> list[str]:
    """``gan sweep`` of four runs of seconds."""
    config = tmp_path / "tiny.yaml"
    longer = {
        "max_steps: 6": "max_steps: 600",
        "interval: 4": "interval: 200",
        "steps: 3": "steps: 20",
    }
    text = TINY
    for before, now in longer.items():
        text = text.replace(before, now)
    config.write_text(text)
    content = {
        "command": ["gan", "fit", "--config", str(config), "${args}"],
        "method": "grid",
        "parameters": {
            "model.norm": {"values": ["sn", "bsn"]},
            "seed_everything": {"values": [0, 1]},
        },
    }
    sweep = tmp_path / "study.yaml"
    sweep.write_text(json.dumps(content))
    program = [sys.executable, "-m", "gan_lightning.cli", "sweep", str(sweep)]
    return [*program, "--workers=2", f"--out={tmp_path / 'out'}"]


@pytest.fixture
def _nobody_left(tmp_path: Path) -> Iterator[None]:
    yield
    for process in running(str(tmp_path)):
        os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.usefixtures("_nobody_left")
def test_a_study_survives_kills_of_everything(tmp_path: Path) -> None:
    """SIGKILL of the whole, of one run, of one worker: at the end every run is complete."""
    out = tmp_path / "out"
    whole = subprocess.Popen(command(tmp_path), cwd=ROOT)
    until(lambda: list(out.glob("*/checkpoints/last.ckpt")), 300)
    whole.kill()
    whole.wait()
    until(lambda: not running(str(out)))  # nothing trains on unseen
    half = {path: checkpoint_step(path) for path in out.glob("*/checkpoints/last.ckpt")}
    assert any(0 < step < 600 for step in half.values())

    again = subprocess.Popen(command(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    os.kill(until(lambda: running(f"--run={out}"), 300)[-1], signal.SIGKILL)
    until(lambda: any(is_complete(run) for run in out.iterdir()), 300)
    of_worker = [p for p in running("gan_lightning.studies.worker") if parent(p) == again.pid]
    if of_worker:
        os.kill(of_worker[0], signal.SIGKILL)
    text, _ = again.communicate(timeout=600)
    assert again.returncode == 0, text
    assert "4 of 4 runs have a result" in text
    resumed = [
        json.loads(line)
        for path in half
        for line in (path.parents[1] / "history.jsonl").read_text().splitlines()
    ]
    assert any(entry["iteration"] > 0 for entry in resumed)
    runs = [run for run in out.iterdir() if (run / "config.yaml").exists()]
    assert len(runs) == 4
    assert all(is_complete(run) for run in runs)

    (out / workers.DATABASE).unlink()  # what is complete needs no database
    before = {run: (run / "history.jsonl").read_text() for run in runs}
    done = subprocess.run(command(tmp_path), cwd=ROOT, capture_output=True, text=True, check=True)
    assert "4 of 4 runs have a result" in done.stdout
    assert before == {run: (run / "history.jsonl").read_text() for run in runs}


def parent(process: int) -> int:
    """The process that started another one."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("noted", "holds"),
    [
        ({"command": ["gan", "fit"], "extra": ["--run", "a b"]}, "runs of gan fit --run 'a b'"),
        ({"command": ["gan", "fit", "${args}"], "extra": 3}, "a damaged study.json"),
        ({"extra": []}, "a damaged study.json"),
        ([], "a damaged study.json"),
    ],
)
def test_runs_of_another_command_are_not_mixed(tmp_path: Path, noted: object, holds: str) -> None:
    """And a file that a full disk or a failing one has cut is no traceback."""
    job = fake.job(tmp_path, ["well"], 1, "lock", os.getpid())
    study = Workers(job.sweep, [], tmp_path, None, 1, 1, False, [])
    (tmp_path / "study.json").write_text(json.dumps(noted))
    with pytest.raises(UserError, match=re.escape(f"{tmp_path} holds {holds}; choose another")):
        study.run()
    (tmp_path / "study.json").write_text(json.dumps(noted)[:-1] + "\0")
    with pytest.raises(UserError, match=r"holds a damaged study\.json; .* delete .*study\.json if"):
        study.run()
    assert not (tmp_path / "study.db").exists()
