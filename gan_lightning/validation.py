"""The clock of validations, in generator updates.

Lightning counts training steps since the start of the run, which differ from generator updates
wherever a training step makes several of them, or made another number before a resumption.
"""

from __future__ import annotations

import sys

from lightning.pytorch import Trainer

from gan_lightning.clock import crossed
from gan_lightning.errors import UserError
from gan_lightning.lightning_private import validate_every

NEVER = sys.maxsize
"""An interval that no run reaches."""


def require_whole_steps(trainer: Trainer, iterations: int) -> None:
    """Looks whether validations fall on the ends of training steps, and starts the clock.

    Args:
        trainer: About to train.
        iterations: Iterations of a training step.

    Raises:
        UserError: The interval is no multiple of them.
    """
    interval = _interval(trainer)
    if interval is None:
        return
    validate_every(trainer, NEVER)  # what a checkpoint was saved after is not validated again
    if interval % iterations and trainer.limit_val_batches != 0:
        raise UserError(
            f"{iterations} does not divide the Trainer's val_check_interval {interval}; choose a "
            "multiple as interval, or `iterations_per_batch` 1",
            "iterations_per_batch",
        )


def set_clock(trainer: Trainer, before: int) -> None:
    """Tells Lightning whether a validation follows the training step that is being made.

    Args:
        trainer: Its ``global_step`` is the iteration where the training step ended.
        before: The iteration where it started.
    """
    interval = _interval(trainer)
    if interval is not None:
        due = crossed(before, trainer.global_step, interval)
        validate_every(trainer, 1 if due else NEVER)


def _interval(trainer: Trainer) -> int | None:
    """Generator updates between two validations; None where something else than them is counted."""
    interval = trainer.val_check_interval
    counted = isinstance(interval, int) and trainer.check_val_every_n_epoch is None
    # Ignored below: Lightning sets it late.
    return int(interval) if counted and not trainer.fast_dev_run else None  # type: ignore[attr-defined]
