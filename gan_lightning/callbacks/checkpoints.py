"""Checkpoints of whole iterations, written so that no moment of a kill can spoil them."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_info

from gan_lightning.callbacks.intervals import crossed, ends, validates
from gan_lightning.errors import UserError
from gan_lightning.run_folder import LAST, checkpoint_folder


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to disk and renames it.

    Lightning's own goes through the system's temporary folder, from which a move is a copy when
    that is another file system: killed in the middle, it leaves half a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Saves to ``path``, which holds the old or the new checkpoint at every moment."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + ".new")
        with new.open("wb") as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)


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

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts counting where the run does."""
        self._seen = trainer.global_step
        self.last_model_path = str(trainer.ckpt_path or "")

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Saves if an interval ended in this training step."""
        if not validates(trainer):
            self._save_if_due(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves what waited for the validation."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._save_if_due(trainer)

    def _save_if_due(self, trainer: Trainer) -> None:
        before, self._seen = self._seen, trainer.global_step
        if before == self._seen:
            return
        if crossed(before, self._seen, self.keep_every_n_steps):
            folder = checkpoint_folder(trainer.default_root_dir)
            trainer.save_checkpoint(folder / f"step={self._seen:08d}.ckpt", weights_only=False)
        if ends(trainer) or crossed(before, self._seen, self.every_n_steps):
            self.save_last(trainer)

    def save_last(self, trainer: Trainer) -> None:
        """Saves ``last.ckpt`` now."""
        path = checkpoint_folder(trainer.default_root_dir) / LAST
        trainer.save_checkpoint(path, weights_only=False)
        self.last_model_path = str(path)


def run_checkpoints(trainer: Trainer) -> Checkpoints | None:
    """The callback that saves the run; a user may have added others."""
    callbacks = trainer.checkpoint_callbacks
    return next((c for c in callbacks if isinstance(c, Checkpoints)), None)


class GracefulStop(Callback):
    """On SIGTERM, SIGINT or SIGUSR1, finishes the training step, saves and exits: 128 + signal.

    A validation that is due comes first. Under several processes, all learn of the signal within
    ``CHECK_EVERY`` iterations, because asking each other costs a round trip. A second signal ends
    the process at once.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    CHECK_EVERY = 10

    def __init__(self) -> None:
        self._received = 0
        self._seen = 0
        self._previous: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, which would save in the middle of an iteration."""
        self._seen = trainer.global_step
        if threading.current_thread() is not threading.main_thread():
            return
        self._previous = {s: signal.signal(s, self._note) for s in self.SIGNALS}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        signal.signal(number, signal.SIG_DFL)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Stops, if a signal came to any of the processes."""
        if not validates(trainer):
            self._stop_if_asked(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops after a validation that was due."""
        if trainer.state.fn == "fit":
            self._stop_if_asked(trainer)

    def _stop_if_asked(self, trainer: Trainer) -> None:
        before, self._seen = self._seen, trainer.global_step
        if trainer.world_size > 1 and not crossed(before, self._seen, self.CHECK_EVERY):
            return
        if not trainer.strategy.reduce_boolean_decision(bool(self._received), all=False):
            return
        checkpoints = run_checkpoints(trainer)
        if checkpoints is not None:
            checkpoints.save_last(trainer)
            rank_zero_info(
                f"\nStopped by a signal after iteration {trainer.global_step}; saved "
                f"{checkpoints.last_model_path}\nGo on with: gan fit --run "
                f"{trainer.default_root_dir} --ckpt_path last"
            )
        raise SystemExit(128 + (self._received or signal.SIGTERM))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
