"""What a run says of itself: its options, and how they changed when it went on."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.utilities import rank_zero_info

from gan_lightning.checkpoints.compatible import STAMP
from gan_lightning.cli import resume
from gan_lightning.distributed import on_first
from gan_lightning.errors import TrainingDiverged, UserError, one_line
from gan_lightning.files import append_line, told, write_whole
from gan_lightning.run_folder import CONFIG, HISTORY


class Stopwatch:
    """Seconds since it was made, less those of pauses; the last of them may be going on."""

    def __init__(self) -> None:
        self._apart = 0.0
        self._paused_at: float | None = None
        self._made_at = time.monotonic()

    def pause(self) -> None:
        """Stops it."""
        self._paused_at = time.monotonic()

    def go_on(self) -> None:
        """Lets it go on."""
        if self._paused_at is not None:
            self._apart += time.monotonic() - self._paused_at
        self._paused_at = None

    def seconds(self) -> float:
        """What it shows."""
        now = time.monotonic() if self._paused_at is None else self._paused_at
        return now - self._made_at - self._apart


class RunRecord(SaveConfigCallback):
    """Compares the options with the checkpoint's, and writes them when the first iteration begins.

    Nothing in the folder changes before: a run that is refused, for whatever reason, leaves it as
    it was.
    """

    _written = False  # a signal may come before `setup`

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Works out the options as they will be saved."""
        self._clock = Stopwatch()
        if stage != "fit":
            return
        self._changed: dict[str, tuple[Any, Any]] = {}
        self._elsewhere: dict[str, tuple[Any, Any]] = {}
        self._written = False
        self.config = self.config.clone()
        self.config.ckpt_path = None  # a run from this config starts anew
        self._yaml = self.parser.dump(self.config, skip_none=False, format="yaml")
        self._options = resume.flat(yaml.safe_load(self._yaml))

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuses what cannot go on.

        Raises:
            UserError: The checkpoint is beyond the end, or was trained with other options that
                cannot change.
        """
        if trainer.state.fn != "fit":
            return
        made = int(checkpoint["global_step"])
        if trainer.max_steps < made:
            raise UserError(
                f"--trainer.max_steps {trainer.max_steps} is less than the {made} iterations that "
                f"the checkpoint has behind it; give more than {made} to train longer"
            )
        saved = checkpoint.get(STAMP, {}).get("options")
        if saved is not None:
            self._changed = resume.changes(saved, resume.weight_options(self._options))
            resume.require_allowed(self._changed)
        here = rounding(trainer.strategy.root_device)
        self._elsewhere = resume.changes(checkpoint.get(STAMP, {}).get("rounding") or here, here)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the restored optimizers what was changed."""
        self._first = trainer.global_step
        for name, optimizer in zip(("generator", "discriminator"), trainer.optimizers, strict=True):
            resume.set_optimizer_options(name, optimizer, self._changed)
        if self._changed or self._elsewhere:
            rank_zero_info(resume.changes_in_words({**self._changed, **self._elsewhere}))

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Writes, once: everything was accepted, and the first iteration is about to be made."""
        if not self._written:
            on_first(lambda: self._write(trainer))
            self._clock = Stopwatch()
        self._written = True

    def _write(self, trainer: Trainer) -> None:
        run = Path(trainer.default_root_dir)
        for logger in trainer.loggers:
            logger.log_hyperparams(self.config.as_dict())
        with told(run / CONFIG):
            write_whole(run / CONFIG, self._yaml)
        append_line(run / HISTORY, json.dumps(self._entry(trainer)))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock: the time of evaluations is not that of training."""
        self._clock.pause()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets it go on."""
        self._clock.go_on()

    def on_train_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Says that the run came to its end."""
        self._end(trainer, "finished")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Says what ended the run; a full disk is no reason to hide that."""
        if trainer.state.fn == "fit" and self._written:
            with suppress(UserError):
                self._end(trainer, in_a_word(exception))

    def _end(self, trainer: Trainer, why: str) -> None:
        if trainer.is_global_zero:
            entry = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                "iteration": trainer.global_step,
                "ended": why,
                "iterations": trainer.global_step - self._first,
                "seconds": round(self._clock.seconds(), 3),
            }
            append_line(Path(trainer.default_root_dir, HISTORY), json.dumps(entry))

    def _entry(self, trainer: Trainer) -> dict[str, Any]:
        """A line of the history."""
        return {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "iteration": trainer.global_step,
            "max_steps": trainer.max_steps,
            "checkpoint": str(trainer.ckpt_path) if trainer.ckpt_path else None,
            "changed": {key: list(pair) for key, pair in self._changed.items()},
            **rounding(trainer.strategy.root_device),
        }

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Lets the checkpoint carry the options and the machine that its weights depend on."""
        stamp = checkpoint.setdefault(STAMP, {})
        stamp["options"] = resume.weight_options(self._options)
        stamp["rounding"] = rounding(trainer.strategy.root_device)


def rounding(device: torch.device) -> resume.Options:
    """On what, beside its options, the last bits of a run depend.

    Sums are taken in another order by another number of threads, another processor or another
    version of torch; without a normalization, training soon makes another run of that.
    """
    where: resume.Options = {"torch": str(torch.__version__), "device": device.type}
    if device.type == "cuda":
        return {**where, "device": torch.cuda.get_device_name(device)}
    return {**where, "threads": torch.get_num_threads()} if device.type == "cpu" else where


def in_a_word(error: BaseException) -> str:
    """What ended a run, for its history.

    >>> in_a_word(TrainingDiverged("the loss is NaN")), in_a_word(SystemExit(143))
    ('diverged: the loss is NaN', 'stopped: by a signal')
    >>> in_a_word(RuntimeError("out of memory"))
    'crashed: RuntimeError: out of memory'
    """
    if isinstance(error, TrainingDiverged):
        return f"diverged: {one_line(error)}"
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return "stopped: by a signal"
    return f"crashed: {type(error).__name__}: {one_line(error)}"
