"""Validations are so many generator updates apart, whatever a training step makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Trainer

from gan_lightning import trainer_defaults
from gan_lightning.errors import UserError
from gan_lightning.validation import NEVER, require_whole_steps, set_clock
from tests.conftest import Gan

QUIET: dict[str, Any] = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False}


class At(Trainer):
    """A trainer that has made so many generator updates."""

    steps = 0

    @property
    def global_step(self) -> int:
        return self.steps


def trainer(folder: Path, interval: float | None, **options: Any) -> At:
    settings = {"val_check_interval": interval, "default_root_dir": folder, **QUIET, **options}
    return At(**trainer_defaults(**settings), enable_progress_bar=False)


def validated(made: At, ends: list[int]) -> list[int]:
    """The ends of training steps after which Lightning validates."""
    found, before = [], 0
    for made.steps in ends:
        set_clock(made, before)
        before = made.steps
        if made.val_check_batch == 1:
            found.append(before)
        else:
            assert made.val_check_batch == NEVER
    return found


@pytest.mark.parametrize("iterations", [1, 2, 4])
def test_the_interval_counts_updates_whatever_a_training_step_makes(
    tmp_path: Path, iterations: int
) -> None:
    ends = list(range(iterations, 21, iterations))
    assert validated(trainer(tmp_path, 4), ends) == [4, 8, 12, 16, 20]


def test_a_resumed_run_validates_in_time_with_one_that_was_not(tmp_path: Path) -> None:
    """One that stopped within a training step ends its first one early."""
    made = trainer(tmp_path, 6)
    made.steps = 8
    set_clock(made, before=7)
    assert made.val_check_batch == NEVER
    made.steps = 12
    set_clock(made, before=10)
    assert made.val_check_batch == 1


def test_nothing_is_due_when_training_starts(tmp_path: Path) -> None:
    """What a checkpoint was saved after is not validated again."""
    made = trainer(tmp_path, 4)
    made.val_check_batch = 1
    made.steps = 4
    require_whole_steps(made, 2)
    assert made.val_check_batch == NEVER


@pytest.mark.parametrize("iterations", [1, 2, 3, 6])
def test_training_steps_that_divide_the_interval_are_fine(tmp_path: Path, iterations: int) -> None:
    require_whole_steps(trainer(tmp_path, 6), iterations)


@pytest.mark.parametrize("iterations", [4, 5, 7, 12])
def test_training_steps_across_a_validation_are_refused(tmp_path: Path, iterations: int) -> None:
    said = (
        rf"^iterations_per_batch {iterations} does not divide the Trainer's val_check_interval 6; "
        "choose a multiple as interval, or `iterations_per_batch` 1$"
    )
    with pytest.raises(UserError, match=said):
        require_whole_steps(trainer(tmp_path, 6), iterations)


def test_where_nothing_is_validated_any_length_will_do(tmp_path: Path) -> None:
    require_whole_steps(trainer(tmp_path, 6, limit_val_batches=0), 4)


@pytest.mark.parametrize(
    "options",
    [
        {"interval": 0.5, "check_val_every_n_epoch": 1},
        {"interval": 6, "check_val_every_n_epoch": 1},
        {"interval": 6, "fast_dev_run": True},
    ],
    ids=["a share of an epoch", "epochs", "fast_dev_run"],
)
def test_another_way_of_counting_is_left_to_lightning(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    made = trainer(tmp_path, **options)
    made.val_check_batch = 17
    made.steps = 6
    require_whole_steps(made, 4)
    set_clock(made, 0)
    assert made.val_check_batch == 17


def test_iterations_of_a_training_step_divide_the_validation_interval(gan: Gan) -> None:
    with pytest.raises(UserError, match="3 does not divide the Trainer's val_check_interval 4"):
        gan("--model.iterations_per_batch", "3")
    assert gan("--model.iterations_per_batch", "2", folder="two").trainer.global_step == 6
