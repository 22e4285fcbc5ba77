"""Checkpoints of whole iterations, at regular iterations and at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from gan_lightning.callbacks.intervals import crossed, ends, validates
from gan_lightning.callbacks.trainer_state import is_trial
from gan_lightning.distributed import on_first
from gan_lightning.errors import UserError
from gan_lightning.lightning_private import dumped_checkpoint
from gan_lightning.run_folder import (
    ADVICE,
    LAST,
    SCORES,
    SPECTRA,
    checkpoint_folder,
    kept_checkpoint,
)
from gan_lightning.runs.metrics_csv import MetricsCSV
from gan_lightning.runs.step_log import StepLog


class Checkpoints(Checkpoint):
    """Saves ``checkpoints/last.ckpt`` in the run's folder at regular iterations and at the end.

    Where a validation is due at the same iteration, it comes first, so that a run killed in the
    middle of it repeats it.

    Args:
        every_n_steps: Generator updates between two saves of ``last.ckpt``; 0 saves it only at the
            end.
        keep_every_n_steps: Generator updates between two checkpoints that are kept, as
            ``step=00010000.ckpt``; 0 keeps none but the last.
    """

    def __init__(self, every_n_steps: int = 1000, keep_every_n_steps: int = 0) -> None:
        for argument, value in (
            ("every_n_steps", every_n_steps),
            ("keep_every_n_steps", keep_every_n_steps),
        ):
            if value < 0:
                raise UserError(f"must be >= 0, got {value}", argument)
        self.every_n_steps = every_n_steps
        self.keep_every_n_steps = keep_every_n_steps
        self.last_model_path = ""
        self._seen = 0
        self._goes_on = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts counting where the run does."""
        self._seen = trainer.global_step
        self._goes_on = False
        self.last_model_path = str(trainer.ckpt_path or "")

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Drops what a killed run wrote of later iterations, once everything was accepted."""
        if not self._goes_on and not is_trial(trainer):
            on_first(lambda: _drop_later(trainer))
        self._goes_on = True

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Saves if an interval ended in this training step."""
        if not validates(trainer):
            self._save_what_is_due(trainer, ends(trainer))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves what waited for the validation."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._save_what_is_due(trainer, ends(trainer))

    def save_now(self, trainer: Trainer) -> None:
        """Saves ``last.ckpt`` whether or not it is due, after what is to be kept of this step."""
        self._save_what_is_due(trainer, stopping=True)

    def _save_what_is_due(self, trainer: Trainer, stopping: bool) -> None:
        before, self._seen = self._seen, trainer.global_step
        if before == self._seen or is_trial(trainer):
            return
        if crossed(before, self._seen, self.keep_every_n_steps):
            save_checkpoint(trainer, kept_checkpoint(trainer.default_root_dir, self._seen))
        if stopping or crossed(before, self._seen, self.every_n_steps):
            path = checkpoint_folder(trainer.default_root_dir) / LAST
            save_checkpoint(trainer, path)
            self.last_model_path = str(path)


def _drop_later(trainer: Trainer) -> None:
    """Drops what was written of iterations that are still to come."""
    for name in (SCORES, SPECTRA, ADVICE):
        StepLog(trainer.default_root_dir, name).go_on_from(trainer.global_step)
    for logger in own_logs(trainer):
        logger.go_on_from(trainer.global_step)


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Saves everything that it takes to go on, after what was logged so far; in every process.

    Raises:
        UserError: In every process, if the first could not write.
    """
    checkpoint = dumped_checkpoint(trainer)

    def write() -> None:
        for logger in own_logs(trainer):
            logger.to_disk()
        trainer.strategy.save_checkpoint(checkpoint, path)

    on_first(write)


def own_logs(trainer: Trainer) -> list[MetricsCSV]:
    """The trainer's metrics.csv, among what loggers the user has added."""
    return [logger for logger in trainer.loggers if isinstance(logger, MetricsCSV)]


def run_checkpoints(trainer: Trainer) -> Checkpoints | None:
    """The callback that saves the run; a user may have added others."""
    callbacks = trainer.checkpoint_callbacks
    return next((c for c in callbacks if isinstance(c, Checkpoints)), None)
