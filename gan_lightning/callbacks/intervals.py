"""When something is due, counted in generator updates."""

from __future__ import annotations

from lightning.pytorch import Trainer


def crossed(before: int, now: int, interval: int) -> bool:
    """Whether a multiple of ``interval`` lies in (before, now]; never for interval 0.

    >>> crossed(8, 12, 10), crossed(10, 19, 10), crossed(0, 5, 0)
    (True, False, False)
    """
    return interval > 0 and now // interval > before // interval


def ends(trainer: Trainer) -> bool:
    """Whether this training step is the last."""
    return trainer.should_stop or 0 < trainer.max_steps <= trainer.global_step


def validates(trainer: Trainer) -> bool:
    """Whether a validation follows this training step.

    A checkpoint saved before it would make a resumed run go on after it, without its scores.
    """
    every = trainer.val_check_batch
    if not trainer.enable_validation or not isinstance(every, int):
        return False
    return (trainer.fit_loop.total_batch_idx + 1) % every == 0
