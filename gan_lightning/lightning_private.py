"""All that is used of Lightning beyond its public interface, checked at import."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.trainer.connectors.checkpoint_connector import _CheckpointConnector
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from gan_lightning.errors import require_names

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
            "_parser",
            "_parse_ckpt_path",
            "_prepare_subcommand_kwargs",
            "_run_subcommand",
        ),
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


def checkpoint_of(trainer: Trainer) -> dict[str, Any]:
    """What `Trainer.save_checkpoint` would write; every process must ask for it.

    That method itself waits for all processes after the first one has written, for ever if it
    failed.
    """
    return trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
