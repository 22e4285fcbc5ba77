"""When something is due, counted in generator updates."""

from __future__ import annotations

from lightning.pytorch import Trainer

from gan_lightning.clock import crossed
from gan_lightning.lightning_private import step_index, validation_interval

__all__ = ["crossed", "ends", "validates"]


def ends(trainer: Trainer) -> bool:
    """Whether this training step is the last."""
    return trainer.should_stop or 0 < trainer.max_steps <= trainer.global_step


def validates(trainer: Trainer) -> bool:
    """Whether a validation follows this training step.

    A checkpoint saved before it would make a resumed run go on after it, without its scores.
    """
    every = validation_interval(trainer)
    if not trainer.enable_validation or not isinstance(every, int):
        return False
    return (step_index(trainer) + 1) % every == 0
