"""A run that is asked to stop finishes its iteration, saves, and says how to go on."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info

from gan_lightning.callbacks.checkpoints import run_checkpoints
from gan_lightning.callbacks.intervals import crossed, validates
from gan_lightning.distributed import in_group
from gan_lightning.lightning_private import leave_signals_alone
from gan_lightning.runs.signals import Signals
from gan_lightning.runs.slurm import asks_to_requeue, requeue


class GracefulStop(Callback):
    """On SIGTERM, SIGINT or SIGUSR1, finishes the training step, saves and exits: 128 + signal.

    A validation that is due comes first. Under several processes, all learn of the signal within
    ``CHECK_EVERY`` iterations, because asking each other costs a round trip. A second signal ends
    the process at once. Under SLURM, SIGUSR1 (``sbatch --signal=USR1@90``) also puts the job back
    into the queue.

    Args:
        signals: Who has the signals already; by default they are taken while a run is set up and
            trained, and given back afterwards.
        go_on: What to do to go on, in which ``{run}`` is the run's folder and ``{checkpoint}`` what
            was saved.
    """

    CHECK_EVERY = 10

    def __init__(
        self, signals: Signals | None = None, go_on: str = "fit(ckpt_path='{checkpoint}')"
    ) -> None:
        self._go_on = go_on
        self._signals = signals or Signals()
        self._own = signals is None
        self._seen = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes the signals over, and keeps Lightning from taking them."""
        leave_signals_alone(trainer)
        if self._own:
            self._signals.__enter__()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on there is something to save."""
        self._seen = trainer.global_step
        self._signals.hold()

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
        number = self._anywhere(trainer)
        if not number:
            return
        checkpoints = run_checkpoints(trainer)
        if checkpoints is not None:
            checkpoints.save_now(trainer)
            saved = checkpoints.last_model_path
            go_on = self._go_on.format(run=trainer.default_root_dir, checkpoint=saved)
            rank_zero_info(
                f"\nStopped by a signal after iteration {trainer.global_step}; saved {saved}\n"
                f"Go on with: {go_on}"
            )
        if asks_to_requeue(number) and trainer.is_global_zero:
            rank_zero_info(requeue())
        raise SystemExit(128 + number)

    def _anywhere(self, trainer: Trainer) -> int:
        """The signal that came to this process or to another one, 0 for none."""
        if not in_group():
            return self._signals.received
        received = torch.tensor(self._signals.received, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(received, torch.distributed.ReduceOp.MAX)
        return int(received)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Everything is saved: a signal may end the process."""
        self._signals.release()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Gives the signals back."""
        self._give_back()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the signals back."""
        self._give_back()

    def _give_back(self) -> None:
        self._signals.release()
        if self._own:
            self._signals.__exit__()
