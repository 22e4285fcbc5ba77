"""A signal finishes the iteration, saves what is due, and leaves nothing changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gan_lightning import cli
from gan_lightning.callbacks import GracefulStop
from gan_lightning.data import digits
from gan_lightning.gan import GAN, TrainingBatch
from gan_lightning.runs.signals import STOPPING
from tests.callbacks import runs
from tests.conftest import ROOT, Gan, last, rows, same
from tests.runs import scontrol as fake_scontrol


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in STOPPING]


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Runs get a signal in the middle of iteration 4."""
    train = GAN.training_step

    def interrupted(self: GAN, batch: TrainingBatch, batch_idx: int) -> None:
        if self.global_step == 3:
            os.kill(os.getpid(), int(os.environ["SENT"]))
        train(self, batch, batch_idx)

    monkeypatch.setattr(GAN, "training_step", interrupted)
    return monkeypatch


@pytest.mark.parametrize("number", STOPPING)
def test_what_is_due_at_the_stop_is_saved_and_the_rest_is_the_same(
    gan: Gan, tmp_path: Path, stopped: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """The validation at step 4 comes first; its kept checkpoint is saved; then the run ends."""
    keep = ("--checkpoints.keep_every_n_steps", "4")
    stopped.setenv("SENT", "0")
    gan(*keep, folder="whole")
    before = handlers()
    stopped.setenv("SENT", str(int(number)))
    with pytest.raises(SystemExit) as end:
        gan(*keep)
    assert end.value.code == 128 + number
    assert handlers() == before
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert last(run)["global_step"] == 4
    assert (run / "checkpoints" / "step=00000004.ckpt").exists()
    stopped.setenv("SENT", "0")
    cli.run(["fit", "--run", str(run), "--ckpt_path", "last"])
    for name in ("metrics.csv", "scores.jsonl", "checkpoints/best.json"):
        assert (run / name).read_text() == (whole / name).read_text()
    for key in ("state_dict", "optimizer_states", "global_step"):
        assert same(last(run)[key], last(whole)[key])


@pytest.mark.parametrize("number", STOPPING)
@pytest.mark.parametrize("when", ["setup", "train_dataloader"])
def test_a_signal_during_start_up_leaves_an_untrained_run(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, when: str
) -> None:
    real = getattr(digits, when)

    def interrupted(self: digits, *args: object, **kwargs: object) -> object:
        os.kill(os.getpid(), number)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(digits, when, interrupted)
    before = handlers()
    with pytest.raises(SystemExit) as end:
        gan()
    assert end.value.code == 128 + number
    assert handlers() == before
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_python_users_have_the_same(tmp_path: Path, stopped: pytest.MonkeyPatch) -> None:
    """A trainer with the callback, without the command line."""
    stopped.setenv("SENT", str(int(signal.SIGTERM)))
    before = handlers()
    with pytest.raises(SystemExit) as end:
        runs.fit(tmp_path, [GracefulStop()], limit_val_batches=0)
    assert end.value.code == 143
    assert handlers() == before
    assert last(tmp_path)["global_step"] == 4
    stopped.setenv("SENT", "0")
    runs.fit(tmp_path / "whole", [GracefulStop()], limit_val_batches=0)
    assert handlers() == before


def test_a_system_without_sigusr1(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows is."""
    from importlib import import_module, reload

    room = import_module("gan_lightning.runs.signals")
    with monkeypatch.context() as patch:
        patch.delattr(signal, "SIGUSR1")
        assert reload(room).STOPPING == (signal.SIGTERM, signal.SIGINT)
        assert not import_module("gan_lightning.runs.slurm").asks_to_requeue(10)
    assert signal.SIGUSR1 in reload(room).STOPPING


# ------------------------------------------------------------------------------------------- SLURM


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake ``scontrol`` that notes what it was told."""
    return fake_scontrol.install(tmp_path, monkeypatch)


def test_slurms_signal_saves_and_requeues_once(
    gan: Gan,
    tmp_path: Path,
    stopped: pytest.MonkeyPatch,
    scontrol: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopped.setenv("SENT", str(int(signal.SIGUSR1)))
    caplog.set_level("INFO")
    with pytest.raises(SystemExit) as end:
        gan()
    assert end.value.code == 128 + signal.SIGUSR1
    assert scontrol.read_text() == "requeue 77\n"
    assert "Requeued SLURM job 77" in caplog.text
    assert "auto-requeueing" not in caplog.text  # Lightning's
    assert last(tmp_path / "run")["global_step"] == 4
    assert not list((tmp_path / "run").glob("hpc_ckpt*"))  # Lightning's


@pytest.mark.parametrize(
    ("number", "settings", "said"),
    [
        (signal.SIGUSR1, {"SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "3"}, "requeue 5_3\n"),
        (signal.SIGTERM, {}, None),
    ],
    ids=["array", "scancel"],
)
def test_who_asks_slurm_for_what(
    gan: Gan,
    stopped: pytest.MonkeyPatch,
    scontrol: Path,
    number: signal.Signals,
    settings: dict[str, str],
    said: str | None,
) -> None:
    stopped.setenv("SENT", str(int(number)))
    for name, value in settings.items():
        stopped.setenv(name, value)
    with pytest.raises(SystemExit):
        gan()
    assert (scontrol.read_text() if scontrol.exists() else None) == said


def test_slurms_signal_during_start_up_requeues_too(
    gan: Gan, monkeypatch: pytest.MonkeyPatch, scontrol: Path
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    monkeypatch.setattr(digits, "setup", interrupted)
    with pytest.raises(SystemExit):
        gan()
    assert scontrol.read_text() == "requeue 77\n"


# ------------------------------------------------------------------------------------ two processes


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_of_two_processes_stops_and_saves_both(
    tiny: Path, tmp_path: Path, rank: int
) -> None:
    run = tmp_path / "run"
    more = "--trainer.devices 2 --trainer.strategy ddp --trainer.max_steps 100000"
    more += " --trainer.limit_val_batches 0 --checkpoints.every_n_steps 100000"
    command = [sys.executable, "-m", "gan_lightning.cli", "fit", "--config", str(tiny)]
    main = subprocess.Popen(
        [*command, "--run", str(run), *more.split()],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 200
    while not (run / "metrics.csv").exists() or len(rows(run)) < 3:
        assert main.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    children = Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text().split()
    other = next(pid for pid in children if b"gan_lightning" in _command(pid))
    os.kill(int(other) if rank else main.pid, signal.SIGTERM)
    main.communicate(timeout=100)
    assert main.returncode == 143
    saved = last(run)["global_step"]
    assert isinstance(saved, int)
    assert saved >= 6
    assert not Path(f"/proc/{other}").exists() or not _command(other)


def _command(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("number", STOPPING)
def test_workers_leave_a_signal_to_all_processes_to_the_trainer(
    tiny: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """As Ctrl-C in a terminal or the end of a cluster's job: the whole group gets it."""
    run = tmp_path / "run"
    more = "--data.num_workers 2 --data.device_cache never --trainer.max_steps 100000"
    command = [sys.executable, "-m", "gan_lightning.cli", "fit", "--config", str(tiny)]
    main = subprocess.Popen(
        [*command, "--run", str(run), *more.split(), "--trainer.limit_val_batches", "0"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not (run / "metrics.csv").exists() or len(rows(run)) < 3:
        assert main.poll() is None
        time.sleep(0.05)
    os.killpg(main.pid, number)
    _, said = main.communicate(timeout=100)
    assert main.returncode == 128 + number
    assert b"Traceback" not in said
    saved = last(run)["global_step"]
    assert isinstance(saved, int)
    assert saved >= 6
