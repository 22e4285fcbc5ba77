"""Which checkpoints are kept when, and which one is the best."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gan_lightning.callbacks import Checkpoints
from gan_lightning.callbacks.best import BestCheckpoint
from tests.callbacks import runs
from tests.conftest import Gan, last, rows

pytestmark = pytest.mark.runs


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


@pytest.mark.parametrize("iterations", ["1", "2", "3"])
def test_intervals_count_iterations_whatever_a_training_step_makes(
    gan: Gan, tmp_path: Path, iterations: str
) -> None:
    """A checkpoint whose iteration lies within a training step is saved at its end."""
    options = "--checkpoints.keep_every_n_steps 3 --trainer.max_steps 12 --evaluation.best false"
    steps = ["--model.iterations_per_batch", iterations, "--trainer.val_check_interval", "6"]
    gan(*options.split(), *steps)
    expected = {"1": (3, 6, 9, 12), "2": (4, 6, 10, 12), "3": (3, 6, 9, 12)}[iterations]
    names = [f"step={step:08d}.ckpt" for step in expected]
    assert kept(tmp_path / "run") == ["last.ckpt", *names]


def test_a_trial_saves_nothing(tmp_path: Path) -> None:
    runs.fit(tmp_path, [Checkpoints(every_n_steps=1)], fast_dev_run=True, limit_val_batches=0)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("note", ["", "{", '{"step": 4', "[]", '{"step": null, "score": 1}'])
def test_a_torn_note_of_the_best_is_made_anew(tmp_path: Path, note: str) -> None:
    runs.fit(tmp_path, [runs.evaluation()], max_steps=4)
    path = tmp_path / "checkpoints" / "best.json"
    path.write_text(note)
    runs.fit(tmp_path, [runs.evaluation()], tmp_path / "checkpoints" / "last.ckpt")
    assert json.loads(path.read_text())["step"] == 6


def test_a_best_of_a_lost_future_is_none(tmp_path: Path) -> None:
    """A killed run had noted it after the checkpoint from which the resumed one goes on."""
    runs.fit(tmp_path, [runs.evaluation()], max_steps=4)
    path = tmp_path / "checkpoints" / "best.json"
    path.write_text(json.dumps({"step": 5, "score": 0.0}))
    runs.fit(tmp_path, [runs.evaluation()], tmp_path / "checkpoints" / "last.ckpt")
    assert json.loads(path.read_text())["step"] == 6


def test_without_an_offer_there_is_no_best(tmp_path: Path) -> None:
    trainer = runs.trainer(tmp_path, [])
    BestCheckpoint().save_if_improved(trainer)
    assert not (tmp_path / "checkpoints").exists()


# ------------------------------------------------------------ training steps of several iterations


def scored(run: Path) -> list[str]:
    return [row["step"] for row in rows(run) if row.get("digits_fid")]


@pytest.mark.parametrize(("first", "then"), [("1", "4"), ("4", "1"), ("2", "4"), ("4", "2")])
def test_validations_do_not_shift_when_a_training_step_changes_its_length(
    gan: Gan, tmp_path: Path, first: str, then: str
) -> None:
    """Nor when the run was stopped off its multiple."""
    common = ["--trainer.val_check_interval", "8", "--model.iterations_per_batch"]
    gan(*common, first, "--trainer.max_steps", "6")
    last_ = ["--ckpt_path", "last", "--trainer.max_steps", "24"]
    gan(*common, then, *last_)
    assert scored(tmp_path / "run") == ["8", "16", "24"]
    assert last(tmp_path / "run")["global_step"] == 24
