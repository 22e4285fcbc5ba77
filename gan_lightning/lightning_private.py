"""All that is used of Lightning beyond its public interface, checked at import."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.loops.fit_loop import _FitLoop
from lightning.pytorch.loops.progress import _BatchProgress
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from gan_lightning.errors import require_in_code, require_names

require_names(
    "lightning",
    {
        # These are attributes of each one, not of the class.
        LightningOptimizer(torch.optim.SGD([torch.zeros(1)], lr=0.0)): (
            "_on_before_step",
            "_on_after_step",
        ),
        _SignalConnector: ("register_signal_handlers",),
        _CheckpointConnector: ("dump_checkpoint",),
        LightningCLI: (
            "_get",
            "_parse_ckpt_path",
            "_prepare_subcommand_kwargs",
            "_run_subcommand",
            "_set_seed",
        ),
        _FitLoop: ("total_batch_idx",),
    },
)

require_in_code(
    "lightning",
    {
        Trainer.__init__: ("_checkpoint_connector", "_signal_connector", "fit_loop"),
        _FitLoop.__init__: ("epoch_loop",),
        _TrainingEpochLoop.__init__: ("batch_progress",),
        _BatchProgress.increment_ready: ("current", "ready"),
        _TrainingEpochLoop._should_check_val_fx: ("val_check_batch",),
        # What calls the steps of a command that are changed here.
        LightningCLI.__init__: ("_parse_ckpt_path", "_run_subcommand", "_set_seed"),
        LightningCLI._run_subcommand: ("_prepare_subcommand_kwargs",),
    },
)


def count_step(optimizer: LightningOptimizer) -> None:
    """Counts one step in ``trainer.global_step``, as ``optimizer.step()`` does, without making it.

    A replayed CUDA graph, or a step made through the strategy, does not pass there.
    """
    optimizer._on_before_step()
    optimizer._on_after_step()


class _Nobody(_SignalConnector):
    """In place of Lightning's own handlers, which save nothing, or half an iteration."""

    def register_signal_handlers(self) -> None:
        """Takes no signal."""
        self.received_sigterm = False


def leave_signals_alone(trainer: Trainer) -> None:
    """Keeps a trainer from taking the signals that stop a run."""
    trainer._signal_connector = _Nobody(trainer)


def dumped_checkpoint(trainer: Trainer) -> dict[str, Any]:
    """What `Trainer.save_checkpoint` would write; every process must ask for it.

    That method itself waits for all processes after the first one has written, for ever if it
    failed.
    """
    return trainer._checkpoint_connector.dump_checkpoint(weights_only=False)


def validation_interval(trainer: Trainer) -> int | float | None:
    """After how many training steps since the start of the run a trainer validates."""
    return trainer.val_check_batch


def validate_every(trainer: Trainer, steps: int) -> None:
    """Lets a trainer validate after so many training steps since the start of the run."""
    trainer.val_check_batch = steps


def steps_ready(trainer: Trainer) -> int:
    """The training steps of an epoch that have begun, also of the run that is resumed."""
    return trainer.fit_loop.epoch_loop.batch_progress.current.ready


def step_index(trainer: Trainer) -> int:
    """The number of this training step since the start of the run, from 0 on."""
    return trainer.fit_loop.total_batch_idx


class Command(LightningCLI):
    """LightningCLI whose private steps have public names, by which a command changes them."""

    def value_of(self, config: Any, option: str) -> Any:  # noqa: ANN401  (as it was given)
        """What was given for an option of the subcommand, or built of it."""
        return self._get(config, option)

    def find_checkpoint(self) -> None:
        """Looks at ``ckpt_path`` once options are parsed."""
        super()._parse_ckpt_path()

    def set_seed(self) -> None:
        """Seeds the process."""
        super()._set_seed()

    def run_subcommand(self, subcommand: str) -> None:
        """Runs what was built."""
        super()._run_subcommand(subcommand)

    def arguments_of(self, subcommand: str) -> dict[str, Any]:
        """What the Trainer's method is called with."""
        return super()._prepare_subcommand_kwargs(subcommand)

    def _parse_ckpt_path(self) -> None:
        self.find_checkpoint()

    def _set_seed(self) -> None:
        self.set_seed()

    def _run_subcommand(self, subcommand: str) -> None:
        self.run_subcommand(subcommand)

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        return self.arguments_of(subcommand)
